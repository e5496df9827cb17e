/** Wires the parts together. Nothing is started before a file is open. */

import * as vscode from 'vscode';

import { serveRewrite } from './actions.ts';
import { registerChat } from './chat/index.ts';
import { type Host, SELECTOR, Server } from './client.ts';
import { Commands } from './commands.ts';
import { createLog } from './log.ts';
import { Setup } from './setup.ts';
import { StatusItem } from './status.ts';

let server: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = createLog();
  const item = new StatusItem();
  const show = (): void => item.show(commands.situation());
  const setup = new Setup(context, log, () => show());
  const host: Host = {
    log,
    find: () => setup.find(),
    isPaused: (document) => commands.isPaused(document),
    onAbsent: () => void offerInstallation(commands),
    onWrong: (problem) => void tellWrongSetting(problem),
    onCrash: (problem, waitMs) => void tellCrash(problem, waitMs, commands),
  };
  const own = (server = new Server(host));
  const commands = new Commands(context, log, own, setup, () => show());
  show();
  context.subscriptions.push(
    log,
    item,
    commands,
    serveRewrite(() => own.connection),
    registerChat(context, own),
    own.onDidChange(show),
    vscode.window.onDidChangeActiveTextEditor(show),
    vscode.workspace.onDidCloseTextDocument((document) => commands.forget(document)),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('sotto.server.path')) void own.restart();
      else if (change.affectsConfiguration('sotto')) show();
    }),
  );
  startWhenNeeded(context, own);
}

export async function deactivate(): Promise<void> {
  await server?.dispose();
}

/** A window without a file costs no process. */
function startWhenNeeded(context: vscode.ExtensionContext, own: Server): void {
  const isServed = (document: vscode.TextDocument): boolean =>
    vscode.languages.match(SELECTOR, document) > 0;
  if (vscode.workspace.textDocuments.some(isServed)) {
    void own.restart();
    return;
  }
  const waiting = vscode.workspace.onDidOpenTextDocument((document) => {
    if (!isServed(document)) return;
    waiting.dispose();
    void own.restart();
  });
  context.subscriptions.push(waiting);
}

async function offerInstallation(commands: Commands): Promise<void> {
  const choice = await vscode.window.showInformationMessage(
    'Sotto’s server is not on PATH. Install it into a folder of the extension’s own? It needs Python 3.11, a C++ compiler and some minutes.',
    'Install',
    'Choose a Program…',
  );
  if (choice === 'Install') await commands.run('install');
  else if (choice) await openSetting('sotto.server.path');
}

async function tellWrongSetting(problem: string): Promise<void> {
  if (await vscode.window.showErrorMessage(problem, 'Open Settings')) {
    await openSetting('sotto.server.path');
  }
}

async function tellCrash(
  problem: string,
  waitMs: number | undefined,
  commands: Commands,
): Promise<void> {
  const choice =
    waitMs === undefined
      ? await vscode.window.showErrorMessage(
          `Sotto’s server ends again and again, and is left stopped. Its last words: ${problem}`,
          'Start Again',
          'Show Log',
        )
      : await vscode.window.showWarningMessage(
          'Sotto’s server ended unexpectedly. It is being started again.',
          'Show Log',
        );
  if (choice === 'Show Log') await commands.run('showLog');
  else if (choice) await commands.run('restart');
}

async function openSetting(key: string): Promise<void> {
  await vscode.commands.executeCommand('workbench.action.openSettings', key);
}
