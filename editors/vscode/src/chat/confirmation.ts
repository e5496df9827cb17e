/** Marks an edit so that VS Code shows it and asks before it changes anything. */

const ANNOTATION = 'sotto';

interface DocumentChange {
  readonly textDocument?: { readonly uri: string; readonly version: number | null };
  readonly edits?: readonly object[];
}

export interface ConfirmedEdit {
  readonly documentChanges: readonly object[];
  readonly changeAnnotations: Readonly<Record<string, object>>;
}

/** A `WorkspaceEdit` of the protocol in which every change waits for a person's yes. */
export function needingConfirmation(edit: object, label: string): ConfirmedEdit {
  const marked = <T extends object>(change: T): T => ({ ...change, annotationId: ANNOTATION });
  return {
    documentChanges: documentChanges(edit).map((change) =>
      change.edits ? { ...change, edits: change.edits.map(marked) } : marked(change),
    ),
    changeAnnotations: { [ANNOTATION]: { label, needsConfirmation: true } },
  };
}

/** Which version of its document an edit was made for; null where that was not open. */
export function versionOf(edit: object): number | null {
  const changed = documentChanges(edit).find(({ textDocument }) => textDocument);
  return changed?.textDocument?.version ?? null;
}

function documentChanges(edit: object): readonly DocumentChange[] {
  return (edit as { documentChanges?: DocumentChange[] }).documentChanges ?? [];
}
