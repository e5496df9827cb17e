/** Chat: the view, its commands, the participant `@sotto` and the model for other extensions. */

import * as vscode from 'vscode';

import type { Server } from '../client.ts';
import { selection } from './attaching.ts';
import { showKept } from './kept.ts';
import { ChatModel } from './model.ts';
import { createParticipant } from './participant.ts';
import { ChatSession } from './session.ts';
import { ChatView, VIEW } from './view.ts';

export function registerChat(context: vscode.ExtensionContext, server: Server): vscode.Disposable {
  const connection = () => server.connection;
  const session = new ChatSession(connection, context.workspaceState);
  const view = new ChatView(context.extensionUri, server, session);
  const attachSelection = async (): Promise<void> => {
    const selected = selection();
    if (selected) session.attach(selected);
    await view.focus();
  };
  return vscode.Disposable.from(
    session,
    view,
    vscode.window.registerWebviewViewProvider(VIEW, view),
    vscode.commands.registerCommand('sotto.chat.open', () => view.focus()),
    vscode.commands.registerCommand('sotto.chat.attachSelection', attachSelection),
    vscode.commands.registerCommand('sotto.chat.history', () => showKept(connection, session)),
    vscode.commands.registerCommand('sotto.chat.new', () => {
      session.startNew();
      return view.focus();
    }),
    createParticipant(server),
    new ChatModel(server),
  );
}
