/** Whether the server has the text that VS Code has; for bug reports, and for tests. */

import { createHash } from 'node:crypto';
import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';

import { DOCUMENT_INFO, type DocumentInfo } from './protocol.ts';

export async function compareText(
  client: LanguageClient,
  document: vscode.TextDocument,
): Promise<void> {
  const textDocument = client.code2ProtocolConverter.asTextDocumentIdentifier(document);
  const info = await client.sendRequest<DocumentInfo>(DOCUMENT_INFO, { textDocument });
  const hash = createHash('sha256').update(document.getText(), 'utf8').digest('hex');
  if (info.sha256 === hash) {
    const count = `version ${info.version}, ${info.n_chars} characters`;
    void vscode.window.showInformationMessage(`Sotto: the server has this text (${count}).`);
  } else {
    const why = info.suspicion ?? 'it is too large, or this is a bug to be reported';
    void vscode.window.showWarningMessage(
      `Sotto: the server has another text than this (${why}). Close and open the file.`,
    );
  }
}
