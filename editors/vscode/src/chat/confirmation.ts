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

/** The documents it was made for, and in which version each was then. */
export function versions(edit: object): { uri: string; version: number }[] {
  return documentChanges(edit).flatMap(({ textDocument }) =>
    textDocument && textDocument.version !== null
      ? [{ uri: textDocument.uri, version: textDocument.version }]
      : [],
  );
}

function documentChanges(edit: object): readonly DocumentChange[] {
  return (edit as { documentChanges?: DocumentChange[] }).documentChanges ?? [];
}
