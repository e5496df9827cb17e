/** The chat view: carries what the session knows to its page, and what is done there back. */

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

import type { Server } from '../client.ts';
import { applyBlock, insertAtCursor, review } from './applying.ts';
import { choose, file, filesLike } from './attaching.ts';
import { available, onDidChangeAvailable } from './available.ts';
import type { FromPage, ToPage } from './page.ts';
import type { ChatSession } from './session.ts';

export const VIEW = 'sotto.chat';

export class ChatView implements vscode.WebviewViewProvider, vscode.Disposable {
  private readonly extension: vscode.Uri;
  private readonly server: Server;
  private readonly session: ChatSession;
  private readonly listening: vscode.Disposable[];
  private view: vscode.WebviewView | undefined;
  private isFocusWanted = false;

  constructor(extension: vscode.Uri, server: Server, session: ChatSession) {
    this.extension = extension;
    this.server = server;
    this.session = session;
    this.listening = [
      session.onDidChange(() => this.show()),
      session.onDidHear((event) => this.post({ kind: 'event', event })),
      onDidChangeAvailable(server, () => void session.restore().then(() => this.show())),
    ];
  }

  dispose(): void {
    for (const one of this.listening) one.dispose();
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.view = view;
    view.onDidDispose(() => (this.view = undefined));
    const folder = vscode.Uri.joinPath(this.extension, 'dist', 'webview');
    view.webview.options = { enableScripts: true, localResourceRoots: [folder] };
    view.webview.onDidReceiveMessage((message: FromPage) => this.receive(message));
    view.webview.html = html(view.webview, folder);
    // The view is open, so somebody wants the server, file or no file.
    if (this.server.phase === 'idle') void this.server.restart();
    else void this.session.restore();
  }

  /** Open the view with the cursor in its field. */
  async focus(): Promise<void> {
    await vscode.commands.executeCommand(`${VIEW}.focus`);
    this.isFocusWanted = true;
    this.post({ kind: 'focus' });
  }

  private show(): void {
    const { turns, attached, usesTools } = this.session;
    this.post({
      kind: 'view',
      view: {
        turns,
        attached: attached.map((one) => one.title),
        usesTools,
        readiness: available(this.server),
      },
    });
  }

  private post(message: ToPage): void {
    void this.view?.webview.postMessage(message);
  }

  private async receive(message: FromPage): Promise<void> {
    const connection = () => this.server.connection;
    switch (message.kind) {
      case 'shown':
        this.show();
        if (this.isFocusWanted) this.post({ kind: 'focus' });
        return;
      case 'ask':
        return this.session.ask(message.text);
      case 'stop':
        return this.session.stop();
      case 'attach': {
        const attached = await choose();
        if (attached) this.session.attach(attached);
        return this.focus();
      }
      case 'attachFile':
        return this.session.attach(file(vscode.Uri.parse(message.uri)));
      case 'detach':
        return this.session.detach(message.index);
      case 'findFiles':
        return this.post({ kind: 'files', query: message.query, files: await filesLike(message.query) });
      case 'useTools':
        return this.session.setUsesTools(message.on);
      case 'copy':
        return vscode.env.clipboard.writeText(message.text);
      case 'insert':
        return insertAtCursor(message.text);
      case 'apply':
        return applyBlock(connection, message.source);
      case 'review': {
        const edit = this.session.turns[message.turn]?.edits[message.edit];
        return edit && review(connection, edit);
      }
      case 'openLink':
        return openLink(message.href);
      case 'remedy': {
        const now = available(this.server);
        if (now.kind !== 'unable') return;
        await vscode.commands.executeCommand(now.remedy.command, ...(now.remedy.arguments ?? []));
      }
    }
  }
}

/** VS Code asks before it opens a site. Other schemes could start programs, or run commands. */
async function openLink(href: string): Promise<void> {
  const uri = vscode.Uri.parse(href, true);
  if (['http', 'https', 'mailto'].includes(uri.scheme)) await vscode.env.openExternal(uri);
}

/** The page may load its own script and style and nothing else, from nowhere. */
function html(webview: vscode.Webview, folder: vscode.Uri): string {
  const nonce = randomBytes(16).toString('hex');
  const address = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(folder, name)).toString();
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${webview.cspSource}`;
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="stylesheet" href="${address('page.css')}">
    <title>Sotto: Chat</title>
  </head>
  <body>
    <script nonce="${nonce}" src="${address('page.js')}"></script>
  </body>
</html>`;
}
