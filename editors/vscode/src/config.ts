/** Settings: what goes to the server, what stays here, and where a change is written. */

/** The group of settings that choose and install the server. It never learns of them. */
const OWN_GROUP = 'server';

/**
 * The section `sotto` as the server takes it. What is not set is left out: VS Code fills in every
 * registered key, and a null or an empty path would only say "the default".
 */
export function forServer(section: unknown): Record<string, unknown> {
  if (!isObject(section)) return {};
  const groups: Record<string, unknown> = {};
  for (const [name, group] of Object.entries(section)) {
    if (name === OWN_GROUP) continue;
    groups[name] = isObject(group) ? withoutUnset(group) : group;
  }
  return groups;
}

function withoutUnset(group: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(group).filter(([, value]) => value !== null && value !== ''),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What VS Code knows about one setting; a part of the answer of `inspect`. */
export interface Inspected {
  readonly workspaceValue?: unknown;
  readonly workspaceFolderValue?: unknown;
}

/** Where a change has to be written to count: a folder's own value wins over the user's. */
export function targetOf(inspected: Inspected | undefined): 'workspaceFolder' | 'workspace' | 'user' {
  if (inspected?.workspaceFolderValue !== undefined) return 'workspaceFolder';
  return inspected?.workspaceValue !== undefined ? 'workspace' : 'user';
}

/** The list of languages with one added or taken out; the order of the others stays. */
export function withLanguage(languages: readonly string[], id: string, listed: boolean): string[] {
  const others = languages.filter((language) => language !== id);
  return listed ? [...others, id] : others;
}

/** A wrong value of a list setting must not break what reads it; the server names it. */
export function asStrings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
