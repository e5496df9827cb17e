/** Puts what a model has written into files, after a person has seen it and said yes. */

import * as vscode from 'vscode';

import { type Connection, NoAnswerError, proposeEdits } from './asking.ts';
import { needingConfirmation, versionOf } from './confirmation.ts';
import { fits } from './diff.ts';
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
  if (!(await isAsItWas(converter.asUri(proposed.uri), proposed.edit, proposed.diff))) {
    return tell(`${proposed.path} has changed since. Ask again, or apply the block anew.`);
  }
  const marked = needingConfirmation(proposed.edit, `Sotto: ${proposed.path}`);
  const edit = await converter.asWorkspaceEdit(marked as Parameters<typeof converter.asWorkspaceEdit>[0]);
  if (edit) await vscode.workspace.applyEdit(edit, { isRefactoring: true });
}

/** Whether the file has what it had when the edit was made for it. */
async function isAsItWas(uri: vscode.Uri, edit: object, diff: string): Promise<boolean> {
  const open = vscode.workspace.textDocuments.find(
    (document) => document.uri.toString() === uri.toString(),
  );
  const version = versionOf(edit);
  if (open && version !== null && open.version !== version) return false;
  // One that was not open has no version, and one that was opened anew counts from 1 again.
  const isMeant = open !== undefined && (version !== null || open.isDirty);
  return fits(diff, isMeant ? open.getText() : await onDisk(uri));
}

/** Empty where no file is. */
async function onDisk(uri: vscode.Uri): Promise<string> {
  try {
    return new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
  } catch {
    return '';
  }
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
