/** Whether there is something to talk with now, by what runs and by the settings. */

import * as vscode from 'vscode';

import type { Server } from '../client.ts';
import type { Readiness } from './page.ts';
import { readiness } from './readiness.ts';

export function available({ phase, status }: Server): Readiness {
  const isEnabled = vscode.workspace.getConfiguration('sotto.chat').get('enabled') !== false;
  return readiness(phase, status, isEnabled);
}

/** Calls back when the answer may be another one. */
export function onDidChangeAvailable(server: Server, changed: () => void): vscode.Disposable {
  return vscode.Disposable.from(
    server.onDidChange(changed),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('sotto.chat.enabled')) changed();
    }),
  );
}
