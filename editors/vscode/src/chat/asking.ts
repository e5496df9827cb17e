/** The server's requests about conversations. */

import * as vscode from 'vscode';
import { type LanguageClient, ProgressType, ResponseError } from 'vscode-languageclient/node';

import {
  CHAT,
  CONVERSATION,
  CONVERSATIONS,
  type ChatAnswer,
  type ChatEvent,
  type ChatParams,
  type ConversationInfo,
  DELETE_CONVERSATIONS,
  type Diagnostic,
  type KeptTurn,
  PROPOSE_EDITS,
  type ProposedEdit,
} from './protocol.ts';

const PROGRESS = new ProgressType<ChatEvent>();
let lastToken = 0;

export type Connection = () => LanguageClient | undefined;

/** There is no answer; the message says why, to a person. */
export class NoAnswerError extends Error {}

/**
 * Ask, and hear the pieces of the answer as they come. Throws `vscode.CancellationError` when it was
 * cancelled and NoAnswerError when it cannot be answered.
 */
export async function ask(
  connection: Connection,
  params: ChatParams,
  onEvent: (event: ChatEvent) => void,
  token: vscode.CancellationToken,
): Promise<ChatAnswer> {
  const client = running(connection);
  lastToken += 1;
  const partialResultToken = `sotto-chat-${lastToken}`;
  const listening = client.onProgress(PROGRESS, partialResultToken, onEvent);
  try {
    const request = { ...params, partialResultToken };
    return await client.sendRequest<ChatAnswer>(CHAT, request, token);
  } catch (error) {
    if (token.isCancellationRequested) throw new vscode.CancellationError();
    throw new NoAnswerError(error instanceof ResponseError ? error.message : GONE);
  } finally {
    listening.dispose();
  }
}

export async function proposeEdits(
  connection: Connection,
  content: string,
  document: vscode.TextDocument | undefined,
): Promise<readonly ProposedEdit[]> {
  const client = running(connection);
  const uri = document ? client.code2ProtocolConverter.asUri(document.uri) : '';
  const answer = await client.sendRequest<{ edits: ProposedEdit[] }>(PROPOSE_EDITS, { content, uri });
  return answer.edits;
}

export function conversations(connection: Connection): Promise<readonly ConversationInfo[]> {
  return running(connection).sendRequest(CONVERSATIONS);
}

/** The turns that were kept of a conversation; none if there is no such conversation. */
export async function keptTurns(
  connection: Connection,
  conversationId: string,
): Promise<readonly KeptTurn[]> {
  try {
    return await running(connection).sendRequest<KeptTurn[]>(CONVERSATION, { conversationId });
  } catch (error) {
    if (error instanceof ResponseError) return [];
    throw error;
  }
}

export async function deleteConversation(
  connection: Connection,
  conversationId: string,
): Promise<void> {
  await running(connection).sendRequest(DELETE_CONVERSATIONS, { conversationId });
}

/** What the editor knows to be wrong, for attachments and the model's tools. */
export function diagnostics(connection: Connection): Diagnostic[] {
  const client = running(connection);
  return vscode.languages.getDiagnostics().flatMap(([uri, found]) =>
    found.map((one) => ({
      uri: client.code2ProtocolConverter.asUri(uri),
      range: client.code2ProtocolConverter.asRange(one.range),
      message: one.message,
      severity: one.severity + 1,
      ...(one.source !== undefined && { source: one.source }),
    })),
  );
}

const GONE = 'Sotto’s server is not running.';

function running(connection: Connection): LanguageClient {
  const client = connection();
  if (!client) throw new NoAnswerError(GONE);
  return client;
}
