/**
 * What is paused. A file is paused in this window, until it is closed. A language and everything are
 * paused by settings, `inlineCompletion.disabledLanguages` and `inlineCompletion.enabled`: they hold
 * in all windows and the next time, and the server knows them too.
 */

export type Scope = 'file' | 'language' | 'everywhere';

export interface Place {
  readonly uri: string;
  readonly language: string;
}

export interface PauseSettings {
  readonly enabled: boolean;
  readonly disabledLanguages: readonly string[];
}

export class PausedFiles {
  private readonly uris = new Set<string>();

  toggle(uri: string): void {
    if (!this.uris.delete(uri)) this.uris.add(uri);
  }

  has(uri: string): boolean {
    return this.uris.has(uri);
  }
}

/** The widest pause that holds at the place, or undefined if none does. */
export function pauseAt(
  place: Place | undefined,
  files: PausedFiles,
  settings: PauseSettings,
): Scope | undefined {
  if (!settings.enabled) return 'everywhere';
  if (!place) return undefined;
  if (settings.disabledLanguages.includes(place.language)) return 'language';
  return files.has(place.uri) ? 'file' : undefined;
}
