/** What goes with a question, chosen by the user from VS Code's own lists. */

import * as path from 'node:path';
import * as vscode from 'vscode';

import type { Attached } from './conversation.ts';
import type { FileMatch } from './page.ts';

const MOST_FILES = 5_000;
const MOST_MATCHES = 12;

/** The lines that are selected, or undefined if none are. */
export function selection(): Attached | undefined {
  const editor = vscode.window.activeTextEditor;
  if (!editor || editor.selection.isEmpty) return undefined;
  const { start, end } = editor.selection;
  const lines = start.line === end.line ? `${start.line + 1}` : `${start.line + 1}–${end.line + 1}`;
  return {
    title: `${nameOf(editor.document.uri)}:${lines}`,
    attachment: {
      kind: 'selection',
      uri: editor.document.uri.toString(),
      range: {
        start: { line: start.line, character: start.character },
        end: { line: end.line, character: end.character },
      },
    },
  };
}

export function file(uri: vscode.Uri): Attached {
  return { title: nameOf(uri), attachment: { kind: 'file', uri: uri.toString() } };
}

/** Ask the user what to attach. Undefined if nothing was chosen. */
export async function choose(): Promise<Attached | undefined> {
  const uri = vscode.window.activeTextEditor?.document.uri;
  const selected = selection();
  type Choice = vscode.QuickPickItem & { get: () => Thenable<Attached | undefined> | Attached };
  const choices: Choice[] = [
    ...(selected ? [{ label: '$(selection) The selection', description: selected.title, get: () => selected }] : []),
    ...(uri
      ? [
          { label: '$(file) The file in the editor', description: nameOf(uri), get: () => file(uri) },
          {
            label: '$(warning) The problems in it',
            description: nameOf(uri),
            get: (): Attached => ({
              title: `Problems in ${nameOf(uri)}`,
              attachment: { kind: 'diagnostics', uri: uri.toString() },
            }),
          },
        ]
      : []),
    { label: '$(go-to-file) Another file…', get: chooseFile },
    {
      label: '$(git-compare) The uncommitted changes',
      get: (): Attached => ({ title: 'Uncommitted changes', attachment: { kind: 'diff' } }),
    },
    { label: '$(search) The results of a search…', get: chooseSearch },
  ];
  const choice = await vscode.window.showQuickPick(choices, { title: 'Sotto: attach to the question' });
  return choice?.get();
}

async function chooseFile(): Promise<Attached | undefined> {
  const items = (await filesLike('', MOST_FILES)).map((match) => ({
    label: match.name,
    description: match.folder,
    uri: match.uri,
  }));
  const choice = await vscode.window.showQuickPick(items, {
    title: 'Sotto: attach a file',
    matchOnDescription: true,
  });
  return choice && file(vscode.Uri.parse(choice.uri));
}

async function chooseSearch(): Promise<Attached | undefined> {
  const query = await vscode.window.showInputBox({
    title: 'Sotto: attach the results of a search',
    prompt: 'Lines of the project that hold this text; without capitals any case',
  });
  return query ? { title: `Search: ${query}`, attachment: { kind: 'search', query } } : undefined;
}

/** Files of the project whose path holds the text, those whose name begins with it first. */
export async function filesLike(text: string, most = MOST_MATCHES): Promise<FileMatch[]> {
  const wanted = text.toLowerCase();
  const uris = await vscode.workspace.findFiles('**/*', undefined, MOST_FILES);
  const rank = (uri: vscode.Uri): number => (nameOf(uri).toLowerCase().startsWith(wanted) ? 0 : 1);
  return uris
    .map((uri) => ({ uri, shown: vscode.workspace.asRelativePath(uri) }))
    .filter(({ shown }) => shown.toLowerCase().includes(wanted))
    .sort((a, b) => rank(a.uri) - rank(b.uri) || a.shown.localeCompare(b.shown))
    .slice(0, most)
    .map(({ uri, shown }) => {
      const folder = path.posix.dirname(shown);
      return { name: nameOf(uri), folder: folder === '.' ? '' : folder, uri: uri.toString() };
    });
}

function nameOf(uri: vscode.Uri): string {
  return path.posix.basename(uri.path);
}
