/** Puts what a model has written into files, after a person has seen it and said yes. */

import * as vscode from 'vscode';

import { type Connection, NoAnswerError, proposeEdits } from './asking.ts';
import { needingConfirmation, versions } from './confirmation.ts';
import type { ProposedEdit } from './protocol.ts';

/** Shows what a code block of an answer would change. `source` is the block in Markdown. */
export async function applyBlock(connection: Connection, source: string): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  let edits: readonly ProposedEdit[];
  try {
    edits = await proposeEdits(connection, source, document);
  } catch (error) {
    if (error instanceof NoAnswerError) return tell(error.message);
    throw error;
  }
  if (!edits.length) return tell('This block names no file, and it is no code that could be applied.');
  for (const edit of edits) await review(connection, edit);
}

/** Shows one edit as a refactoring that is previewed. Nothing is written before it is accepted. */
export async function review(connection: Connection, proposed: ProposedEdit): Promise<void> {
  const converter = connection()?.protocol2CodeConverter;
  if (!converter) return tell('Sotto’s server is not running.');
  if (!proposed.edit) return tell(proposed.refusal ?? 'There is nothing to change.');
  if (versions(proposed.edit).some(({ uri, version }) => isOther(converter.asUri(uri), version))) {
    return tell(`${proposed.path} has changed since. Ask again, or apply the block anew.`);
  }
  const marked = needingConfirmation(proposed.edit, `Sotto: ${proposed.path}`);
  const edit = await converter.asWorkspaceEdit(marked as Parameters<typeof converter.asWorkspaceEdit>[0]);
  if (edit) await vscode.workspace.applyEdit(edit, { isRefactoring: true });
}

function isOther(uri: vscode.Uri, version: number): boolean {
  const open = vscode.workspace.textDocuments.find(
    (document) => document.uri.toString() === uri.toString(),
  );
  return open !== undefined && open.version !== version;
}

/** Writes a text where the cursor is, in place of what is selected, as one step to undo. */
export async function insertAtCursor(text: string): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) return tell('No file is open to insert it into.');
  await editor.edit((change) => {
    for (const selection of editor.selections) change.replace(selection, text);
  });
  await vscode.window.showTextDocument(editor.document, { viewColumn: editor.viewColumn ?? vscode.ViewColumn.Active });
}

function tell(text: string): void {
  void vscode.window.showWarningMessage(`Sotto: ${text}`);
}
