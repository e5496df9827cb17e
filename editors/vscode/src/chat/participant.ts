/** `@sotto` in VS Code's own chat: the same turns as in the chat view, kept by VS Code. */

import * as vscode from 'vscode';

import type { Server } from '../client.ts';
import { type Connection, NoAnswerError, ask, diagnostics } from './asking.ts';
import { available } from './available.ts';
import type { Attachment, ChatAnswer, ChatEvent, Message } from './protocol.ts';

const ID = 'sotto.chat';

/** What an answer gives back for the next question. */
interface Metadata {
  readonly messages: readonly Message[];
}

export function createParticipant(server: Server): vscode.Disposable {
  const connection = () => server.connection;
  const participant = vscode.chat.createChatParticipant(
    ID,
    async (request, context, stream, token): Promise<vscode.ChatResult> => {
      const now = available(server);
      if (now.kind === 'unable') {
        stream.button({ ...now.remedy, arguments: [...(now.remedy.arguments ?? [])] });
        return { errorDetails: { message: now.text } };
      }
      const content = request.command ? `/${request.command} ${request.prompt}` : request.prompt;
      const question: Message = { role: 'user', content, attachments: attachments(request) };
      const params = {
        messages: [...earlier(context), question],
        diagnostics: diagnosticsOrNone(connection),
      };
      try {
        const answer = await ask(connection, params, (event) => show(event, stream), token);
        for (const note of answer.notes) stream.progress(note);
        return { metadata: { messages: kept(content, answer) } satisfies Metadata };
      } catch (error) {
        if (error instanceof vscode.CancellationError) return {};
        if (!(error instanceof NoAnswerError)) throw error;
        return { errorDetails: { message: error.message } };
      }
    },
  );
  participant.iconPath = new vscode.ThemeIcon('sparkle');
  return participant;
}

function show(event: ChatEvent, stream: vscode.ChatResponseStream): void {
  if (event.kind === 'text') stream.markdown(event.text);
  else if (event.kind === 'step') stream.progress(`Using ${event.tool}…`);
}

function kept(content: string, answer: ChatAnswer): Message[] {
  return [
    { role: 'user', content, context: answer.context },
    { role: 'assistant', content: answer.content, steps: answer.steps },
  ];
}

/** The questions that were put to this participant and answered. */
function earlier(context: vscode.ChatContext): Message[] {
  return context.history.flatMap((turn) => {
    if (!(turn instanceof vscode.ChatResponseTurn) || turn.participant !== ID) return [];
    return (turn.result.metadata as Metadata | undefined)?.messages ?? [];
  });
}

/** What the user has attached in VS Code's way: files, and places in files. */
function attachments(request: vscode.ChatRequest): Attachment[] {
  return request.references.flatMap(({ value }): Attachment[] => {
    if (value instanceof vscode.Uri) return [{ kind: 'file', uri: value.toString() }];
    if (!(value instanceof vscode.Location)) return [];
    const { start, end } = value.range;
    const range = {
      start: { line: start.line, character: start.character },
      end: { line: end.line, character: end.character },
    };
    return [{ kind: 'selection', uri: value.uri.toString(), range }];
  });
}

function diagnosticsOrNone(connection: Connection) {
  return connection() ? diagnostics(connection) : [];
}
