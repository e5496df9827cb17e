/** What is being typed in the question's field that a list can complete. */

export interface Wanted {
  readonly kind: 'command' | 'file';
  /** What is typed of it, without its sign. */
  readonly text: string;
  /** Where it begins in the field, sign included. */
  readonly start: number;
}

type Command = readonly [name: string, does: string];

const COMMANDS: readonly Command[] = [
  ['explain', 'Explain the code'],
  ['fix', 'Find what is wrong and fix it'],
  ['tests', 'Write tests for the code'],
  ['doc', 'Write documentation comments'],
  ['refactor', 'Make it simpler, with the same behaviour'],
  ['commit', 'Write a commit message for the changes'],
];

/** The commands that begin so. One that is typed to its end needs no completing. */
export function commandsLike(text: string): Command[] {
  return COMMANDS.filter(([name]) => name.startsWith(text) && name !== text);
}

/** `/` at the beginning begins a command, `@` at the beginning of a word a file. */
export function wanted(value: string, cursor: number): Wanted | undefined {
  const before = value.slice(0, cursor);
  const command = /^\/([a-z]*)$/.exec(before);
  if (command) return { kind: 'command', text: command[1] ?? '', start: 0 };
  const file = /(?:^|\s)@([^\s@]*)$/.exec(before);
  if (file) {
    const text = file[1] ?? '';
    return { kind: 'file', text, start: cursor - text.length - 1 };
  }
  return undefined;
}

/** The field with `text` in the place of what was being typed, and where the cursor is then. */
export function completed(
  value: string,
  cursor: number,
  { start }: Wanted,
  text: string,
): { value: string; cursor: number } {
  const head = `${value.slice(0, start)}${text} `;
  return { value: head + value.slice(cursor).replace(/^ /, ''), cursor: head.length };
}
