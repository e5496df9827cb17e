/** What the status bar and the menu say. Pure: VS Code is not needed to know what they show. */

import type { Phase } from './client.ts';
import type { Scope } from './pauses.ts';
import type { RequestRecord, Status } from './protocol.ts';

export interface Situation {
  readonly phase: Phase;
  readonly status: Status | undefined;
  readonly latencyMs: number | undefined;
  readonly paused: Scope | undefined;
  readonly isInstalling: boolean;
  /** The version that came with the extension, if the one it installed before is another. */
  readonly newer: string | undefined;
  /** What is open, for the words of the menu; undefined if it is nothing Sotto serves. */
  readonly place: { readonly file: string; readonly language: string } | undefined;
}

export interface Look {
  readonly text: string;
  readonly tooltip: string;
  readonly severity: 'none' | 'warning' | 'error';
}

const WHERE: Record<Scope, string> = {
  file: 'in this file',
  language: 'in this language',
  everywhere: 'everywhere',
};

export function look(situation: Situation): Look {
  const { phase, status, paused } = situation;
  const plain = (text: string, tooltip: string): Look => ({ text, tooltip, severity: 'none' });
  if (situation.isInstalling) return plain('$(loading~spin) Sotto', 'The server is being installed.');
  switch (phase) {
    case 'idle':
      return plain('$(sparkle) Sotto', 'The server starts with the first file that is opened.');
    case 'absent':
      return warn('$(warning) Sotto: no server', 'The server is not installed. Click to install it.');
    case 'wrong':
      return warn('$(warning) Sotto: no server', 'The setting sotto.server.path is wrong.');
    case 'stopped':
      return warn('$(warning) Sotto: stopped', 'The server is not running. Click to start it.');
    case 'waiting':
      return warn('$(sync~spin) Sotto', 'The server ended and is about to be started again.');
    case 'starting':
      return plain('$(loading~spin) Sotto', 'The server is starting.');
    case 'running':
      break;
  }
  const name = status?.model?.name ?? 'Sotto';
  if (status?.state === 'failed') {
    const why = status.message ?? 'The model could not be loaded.';
    return { text: '$(error) Sotto: no model', tooltip: why, severity: 'error' };
  }
  if (paused) return plain(`$(debug-pause) ${name}`, `Suggestions are paused ${WHERE[paused]}.`);
  if (status?.state !== 'ready') return plain(`$(loading~spin) Sotto`, 'The model is being loaded.');
  const latency = situation.latencyMs === undefined ? '' : ` ${Math.round(situation.latencyMs)} ms`;
  return { text: `$(sparkle) ${name}${latency}`, tooltip: details(situation), severity: 'none' };
}

function warn(text: string, tooltip: string): Look {
  return { text, tooltip, severity: 'warning' };
}

function details({ status, latencyMs, newer }: Situation): string {
  const model = status?.model;
  if (!status || !model) return 'Sotto';
  const lines = [
    `Sotto ${status.version}: ${model.name}, ${parameters(model.n_params)} parameters, ${model.quantization}`,
    `${status.backend}, ${status.threads} threads, ${Math.round(status.rss_bytes / 2 ** 20)} MiB`,
  ];
  if (latencyMs !== undefined) lines.push(`Last suggestion after ${Math.round(latencyMs)} ms`);
  if (newer) lines.push(`Version ${newer} came with the extension. Click to update the server.`);
  if (status.message) lines.push(status.message);
  return lines.join('\n');
}

export function parameters(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)} B` : `${(count / 1e6).toFixed(1)} M`;
}

export type Action =
  | 'install'
  | 'restart'
  | 'pauseFile'
  | 'pauseLanguage'
  | 'pauseEverywhere'
  | 'chooseModel'
  | 'why'
  | 'showLog'
  | 'settings';

export interface Entry {
  readonly action: Action;
  readonly label: string;
  readonly description?: string;
}

/** The entries of the menu, in order: what mends the trouble comes first. */
export function entries(situation: Situation): Entry[] {
  const { phase, paused, place, status } = situation;
  const list: Entry[] = [];
  if (phase === 'absent') list.push({ action: 'install', label: '$(cloud-download) Install the server' });
  if (situation.newer) {
    const label = `$(cloud-download) Update the server to ${situation.newer}`;
    list.push({ action: 'install', label });
  }
  if (phase === 'wrong') list.push({ action: 'settings', label: '$(gear) Open the settings' });
  if (phase === 'running') {
    list.push(...pauseEntries(paused, place));
    list.push({
      action: 'chooseModel',
      label: '$(chip) Choose the model…',
      ...(status?.model && { description: `now ${status.model.name}` }),
    });
    list.push({ action: 'why', label: '$(question) Why no suggestion?' });
  }
  if (phase !== 'absent') {
    const isStopped = phase === 'stopped' || phase === 'idle';
    const label = isStopped ? '$(play) Start the server' : '$(refresh) Restart the server';
    list.push({ action: 'restart', label });
  }
  list.push({ action: 'showLog', label: '$(output) Show the log' });
  if (phase !== 'wrong') list.push({ action: 'settings', label: '$(gear) Settings' });
  return list;
}

function pauseEntries(paused: Scope | undefined, place: Situation['place']): Entry[] {
  const entry = (action: Action, scope: Scope, name: string): Entry => ({
    action,
    label: paused === scope ? `$(play) Resume for ${name}` : `$(debug-pause) Pause for ${name}`,
  });
  // Within a wider pause a narrower one says nothing.
  if (paused === 'everywhere') {
    return [{ action: 'pauseEverywhere', label: '$(play) Resume everywhere' }];
  }
  const list: Entry[] = [];
  if (place && paused !== 'language') list.push(entry('pauseFile', 'file', place.file));
  if (place) list.push(entry('pauseLanguage', 'language', `the language ${place.language}`));
  list.push({ action: 'pauseEverywhere', label: '$(debug-pause) Pause everywhere' });
  return list;
}

const REASONS: Record<string, string> = {
  'model-stopped': 'no model was loaded yet',
  'model-loading': 'the model was still being loaded',
  'model-failed': 'no model could be loaded',
  'model-closed': 'the server was ending',
  disabled: 'suggestions are off in the settings',
  'language-disabled': 'suggestions are off for this language',
  'out-of-step': 'the server’s copy of the text is not the editor’s; close and open the file',
  'too-large': 'the file is too large',
  'document-too-large': 'the file is too large',
  'line-too-long': 'the line is too long',
  binary: 'the file is not text',
  'too-little-text': 'there is too little text to go by',
  selection: 'text was selected',
  'read-only': 'the file is read-only',
  'mid-identifier': 'the cursor was inside a name',
  'text-after-cursor': 'there was text after the cursor',
  'low-confidence': 'the model was not sure enough; ask for a suggestion to see it all the same',
  'newer-request': 'you typed on',
  'document-changed': 'you typed on',
  'model-changed': 'another model was being loaded',
  client: 'VS Code no longer wanted it',
  nothing: 'the model had nothing to add',
};

/** One line on what became of a request: where, what, why. */
export function explain(record: RequestRecord): { label: string; description: string } {
  const { line, character } = record.position;
  const label = `Line ${line + 1}, column ${character + 1}: ${outcome(record)}`;
  const from = record.source === null ? '' : `${record.source}, `;
  return { label, description: `${from}${Math.round(record.total_ms)} ms` };
}

function outcome({ outcome, reason, accepted }: RequestRecord): string {
  if (accepted) return 'a suggestion was accepted';
  if (outcome === 'shown') return 'a suggestion was made';
  if (reason === null) return outcome;
  const known = REASONS[reason];
  if (known) return known;
  if (reason.endsWith('Error')) return `it failed (${reason}); see the log`;
  return `nothing was left of what the model wrote (${reason})`;
}

/** How many suggestions there were and how many were taken. What is left after typing is no new one. */
export function tally(records: readonly RequestRecord[]): string {
  const shown = records.filter(
    ({ outcome, source }) => outcome === 'shown' && source !== 'type-through',
  );
  const accepted = records.filter((record) => record.accepted);
  return `lately ${shown.length} shown, ${accepted.length} accepted`;
}

/** The newest requests for a file first, without those that merely gave way to a newer one. */
export function newest(
  records: readonly RequestRecord[],
  uri: string,
  count: number,
): RequestRecord[] {
  const own = records.filter((record) => record.uri === uri);
  const settled = own.filter(
    ({ outcome }) => outcome !== 'superseded' && outcome !== 'cancelled',
  );
  return (settled.length ? settled : own).slice(-count).reverse();
}
