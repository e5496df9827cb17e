/** The local model for VS Code's model picker and for other extensions (`vscode.lm`). */

import * as vscode from 'vscode';

import type { Server } from '../client.ts';
import { ask } from './asking.ts';
import type { Message } from './protocol.ts';

const VENDOR = 'sotto';
/** The server counts exactly; what VS Code asks for is only for cutting its prompts to length. */
const CHARACTERS_PER_TOKEN = 3;
const IN_WORDS =
  'Sotto’s model answers in words alone here and uses none of VS Code’s tools. In Sotto’s own chat view it can look around and propose edits.';

export class ChatModel implements vscode.LanguageModelChatProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeLanguageModelChatInformation = this.changed.event;

  private readonly server: Server;
  private offered: string | undefined;
  private readonly registered: vscode.Disposable[];

  constructor(server: Server) {
    this.server = server;
    this.registered = [
      this.changed,
      server.onDidChange(() => this.compare()),
      vscode.lm.registerLanguageModelChatProvider(VENDOR, this),
    ];
  }

  dispose(): void {
    for (const one of this.registered) one.dispose();
  }

  private compare(): void {
    const [model] = this.provideLanguageModelChatInformation();
    if (model?.id === this.offered) return;
    this.offered = model?.id;
    this.changed.fire();
  }

  /**
   * None while the model that runs cannot hold conversations. One stays while the chat is turned off: without
   * it VS Code's chat would not even let `@sotto` say so.
   */
  provideLanguageModelChatInformation(): vscode.LanguageModelChatInformation[] {
    const model = this.server.status?.model;
    if (!model?.supports_chat) return [];
    return [
      {
        id: model.name,
        name: model.name,
        family: model.arch,
        version: model.quantization,
        detail: 'on this machine',
        maxInputTokens: Math.floor(model.n_ctx * 0.75),
        maxOutputTokens: Math.floor(model.n_ctx * 0.25),
        // VS Code's chat takes no other model, and then asks not even `@sotto`. The answer to a request
        // with tools says that they were not used.
        capabilities: { toolCalling: true },
      },
    ];
  }

  async provideLanguageModelChatResponse(
    _model: vscode.LanguageModelChatInformation,
    messages: readonly vscode.LanguageModelChatRequestMessage[],
    options: vscode.ProvideLanguageModelChatResponseOptions,
    progress: vscode.Progress<vscode.LanguageModelResponsePart>,
    token: vscode.CancellationToken,
  ): Promise<void> {
    const connection = () => this.server.connection;
    if (options.tools?.length) {
      if (options.toolMode === vscode.LanguageModelChatToolMode.Required) throw new Error(IN_WORDS);
      progress.report(new vscode.LanguageModelTextPart(`*${IN_WORDS}*\n\n`));
    }
    await ask(
      connection,
      { messages: merged(messages) },
      (event) => {
        if (event.kind === 'text') progress.report(new vscode.LanguageModelTextPart(event.text));
      },
      token,
    );
  }

  async provideTokenCount(
    _model: vscode.LanguageModelChatInformation,
    text: string | vscode.LanguageModelChatRequestMessage,
  ): Promise<number> {
    const whole = typeof text === 'string' ? text : textOf(text);
    return Math.ceil(whole.length / CHARACTERS_PER_TOKEN);
  }
}

/** One message after the other of each side; others may send several of one in a row. */
function merged(messages: readonly vscode.LanguageModelChatRequestMessage[]): Message[] {
  const result: Message[] = [];
  for (const message of messages) {
    const isUser = message.role === vscode.LanguageModelChatMessageRole.User;
    const role = isUser ? 'user' : 'assistant';
    const last = result.at(-1);
    const content = textOf(message);
    if (last?.role !== role) result.push({ role, content });
    else result[result.length - 1] = { role, content: `${last.content}\n\n${content}` };
  }
  return result;
}

function textOf(message: vscode.LanguageModelChatRequestMessage): string {
  return message.content
    .map((part) => (part instanceof vscode.LanguageModelTextPart ? part.value : ''))
    .join('');
}
