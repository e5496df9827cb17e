/** Code actions: what needs this extension's help. Lists, previews and undo are VS Code's own. */

import * as vscode from 'vscode';
import {
  type ClientCapabilities,
  type CodeAction,
  CodeActionResolveRequest,
  type FeatureState,
  type LanguageClient,
  LSPErrorCodes,
  type Middleware,
  ResponseError,
  type StaticFeature,
  type WorkDoneProgressBegin,
  WorkDoneProgressCancelNotification,
  type WorkDoneProgressReport,
} from 'vscode-languageclient/node';

import { REWRITE, type RewriteData } from './protocol.ts';

/** Tells the server that `sotto.rewrite` is served here, and that accepted ghost text is reported. */
export class OwnCapabilities implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    capabilities.experimental = { sotto: { instructions: true, acceptance: true } };
  }

  initialize(): void {
    // `sotto.rewrite` is the extension's, whichever client runs.
  }

  getState(): FeatureState {
    return { kind: 'static' };
  }

  clear(): void {
    // Nothing was registered.
  }
}

/** Serves *Rewrite by instruction…*: asks what to do and has the action done with that. */
export function serveRewrite(client: () => LanguageClient | undefined): vscode.Disposable {
  return vscode.commands.registerCommand(REWRITE, async (data: RewriteData) => {
    const instruction = await vscode.window.showInputBox({
      title: 'Sotto: rewrite by instruction',
      prompt: 'What shall be done with the code?',
      placeHolder: 'read the file line by line',
    });
    const running = client();
    if (!instruction?.trim() || !running) return;
    const action: CodeAction = { title: data.title, data: { ...data, instruction } };
    const resolved = await unlessRefused(running.sendRequest(CodeActionResolveRequest.type, action));
    const edit = await running.protocol2CodeConverter.asWorkspaceEdit(resolved?.edit);
    if (edit) await vscode.workspace.applyEdit(edit, { isRefactoring: true });
  });
}

export function actionMiddleware(client: () => LanguageClient | undefined): Middleware {
  const shown = new CancellableProgress((token) => {
    void client()?.sendNotification(WorkDoneProgressCancelNotification.type, { token });
  });
  return {
    executeCommand: (command, args, next) => unlessRefused(Promise.resolve(next(command, args))),
    handleWorkDoneProgress: (token, params, next) => {
      // The library shows progress in the status bar, where nobody can cancel it.
      if (params.kind === 'begin' && params.cancellable) shown.begin(token, params);
      else if (params.kind === 'report' && shown.has(token)) shown.report(token, params);
      else {
        shown.end(token);
        next(token, params);
      }
    },
    window: {
      showDocument: async (params, token, next) => {
        if (!params.uri.endsWith('.md')) return next(params, token);
        // The server writes Markdown to be read. It opens beside the code it is about.
        await vscode.commands.executeCommand('markdown.showPreviewToSide', vscode.Uri.parse(params.uri));
        return { success: true };
      },
    },
  };
}

/** What was asked for; undefined if it was refused or cancelled, which the server says itself. */
async function unlessRefused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof vscode.CancellationError) return undefined;
    const said: number[] = [LSPErrorCodes.RequestFailed, LSPErrorCodes.RequestCancelled];
    if (error instanceof ResponseError && said.includes(error.code)) return undefined;
    throw error;
  }
}

type Token = string | number;

interface Running {
  readonly progress: vscode.Progress<{ message?: string }>;
  readonly end: () => void;
}

/** Progress as notifications with a button that cancels. */
class CancellableProgress {
  private readonly cancel: (token: Token) => void;
  private readonly running = new Map<Token, Running>();

  constructor(cancel: (token: Token) => void) {
    this.cancel = cancel;
  }

  has(token: Token): boolean {
    return this.running.has(token);
  }

  begin(token: Token, { title }: WorkDoneProgressBegin): void {
    const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
    void vscode.window.withProgress(options, (progress, cancellation) => {
      cancellation.onCancellationRequested(() => this.cancel(token));
      return new Promise<void>((end) => this.running.set(token, { progress, end }));
    });
  }

  report(token: Token, { message }: WorkDoneProgressReport): void {
    if (message !== undefined) this.running.get(token)?.progress.report({ message });
  }

  end(token: Token): void {
    this.running.get(token)?.end();
    this.running.delete(token);
  }
}
