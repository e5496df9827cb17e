/** The log that people read: the output channel `Sotto`. It holds no source text. */

import * as vscode from 'vscode';

export function createLog(): vscode.LogOutputChannel {
  return vscode.window.createOutputChannel('Sotto', { log: true });
}

/** One line of the server's own log, at the level the server gave it. */
export function logServerLine(log: vscode.LogOutputChannel, line: string): void {
  const level = /\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b/.exec(line)?.[1];
  const text = `server: ${line}`;
  if (level === 'DEBUG') log.debug(text);
  else if (level === 'WARNING') log.warn(text);
  else if (level === 'ERROR' || level === 'CRITICAL') log.error(text);
  else log.info(text);
}
