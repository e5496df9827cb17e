import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { type Situation, entries, explain, look, newest, tally } from '../src/menu.ts';
import { PausedFiles, pauseAt } from '../src/pauses.ts';
import type { RequestRecord, Status } from '../src/protocol.ts';

const STATUS: Status = {
  state: 'ready',
  model: {
    name: 'small',
    path: '/m/small.gguf',
    arch: 'llama',
    n_params: 1_540_000_000,
    quantization: 'Q4_K',
    n_ctx: 4096,
    is_builtin: false,
  supports_chat: false,
  },
  backend: 'llama.cpp on CPU',
  threads: 2,
  rss_bytes: 3 * 2 ** 20,
  version: '0.1.0',
  message: null,
};

function situation(changes: Partial<Situation>): Situation {
  return {
    phase: 'running',
    status: STATUS,
    latencyMs: undefined,
    paused: undefined,
    isInstalling: false,
    newer: undefined,
    place: { file: 'a.py', language: 'python' },
    ...changes,
  };
}

describe('the status bar', () => {
  it('shows the model and the last latency', () => {
    assert.equal(look(situation({})).text, '$(sparkle) small');
    const shown = look(situation({ latencyMs: 83.4 }));
    assert.equal(shown.text, '$(sparkle) small 83 ms');
    assert.match(shown.tooltip, /small, 1\.5 B parameters, Q4_K/);
    assert.match(shown.tooltip, /2 threads, 3 MiB/);
  });

  it('says when nothing can come, and how loudly', () => {
    const seen = (changes: Partial<Situation>): string => {
      const { text, severity } = look(situation(changes));
      return `${text} ${severity}`;
    };
    assert.equal(seen({ phase: 'idle', status: undefined }), '$(sparkle) Sotto none');
    assert.equal(seen({ phase: 'absent' }), '$(warning) Sotto: no server warning');
    assert.equal(seen({ phase: 'wrong' }), '$(warning) Sotto: no server warning');
    assert.equal(seen({ phase: 'stopped' }), '$(warning) Sotto: stopped warning');
    assert.equal(seen({ phase: 'waiting' }), '$(sync~spin) Sotto warning');
    assert.equal(seen({ phase: 'starting' }), '$(loading~spin) Sotto none');
    assert.equal(seen({ phase: 'absent', isInstalling: true }), '$(loading~spin) Sotto none');
    const loading: Status = { ...STATUS, state: 'loading', model: null };
    assert.equal(seen({ status: loading }), '$(loading~spin) Sotto none');
    const failed: Status = { ...STATUS, state: 'failed', model: null, message: 'damaged' };
    assert.equal(seen({ status: failed }), '$(error) Sotto: no model error');
    assert.equal(look(situation({ status: failed })).tooltip, 'damaged');
    assert.equal(seen({ paused: 'file' }), '$(debug-pause) small none');
  });

  it('passes on why another model than the wanted one runs', () => {
    const fallback: Status = { ...STATUS, message: 'x.gguf is damaged' };
    assert.match(look(situation({ status: fallback })).tooltip, /x\.gguf is damaged/);
  });
});

describe('the menu', () => {
  const actions = (changes: Partial<Situation>): string[] =>
    entries(situation(changes)).map(({ action }) => action);
  const labels = (changes: Partial<Situation>): string =>
    entries(situation(changes)).map(({ label }) => label).join('\n');

  it('offers everything while all is well', () => {
    const all = ['pauseFile', 'pauseLanguage', 'pauseEverywhere', 'chooseModel', 'why'];
    assert.deepEqual(actions({}), [...all, 'restart', 'showLog', 'settings']);
  });

  it('offers first what mends the trouble', () => {
    assert.deepEqual(actions({ phase: 'absent' }), ['install', 'showLog', 'settings']);
    assert.deepEqual(actions({ phase: 'wrong' }), ['settings', 'restart', 'showLog']);
    assert.deepEqual(actions({ phase: 'stopped' }), ['restart', 'showLog', 'settings']);
    assert.match(labels({ phase: 'stopped' }), /Start the server/);
  });

  it('offers the server that came with the extension where an older one was installed', () => {
    assert.equal(actions({ newer: '0.2.0' })[0], 'install');
    assert.match(labels({ newer: '0.2.0' }), /Update the server to 0\.2\.0/);
    assert.match(look(situation({ newer: '0.2.0' })).tooltip, /0\.2\.0 came with the extension/);
  });

  it('resumes what is paused', () => {
    assert.match(labels({ paused: 'file' }), /Resume for a\.py/);
    assert.match(labels({ paused: 'language' }), /Resume for the language python/);
    assert.match(labels({ paused: 'everywhere' }), /Resume everywhere/);
  });

  it('offers no pause that a wider one makes pointless', () => {
    assert.doesNotMatch(labels({ paused: 'language' }), /a\.py/);
    assert.doesNotMatch(labels({ paused: 'everywhere' }), /Pause/);
  });

  it('speaks of no file where none is open', () => {
    assert.ok(!actions({ place: undefined }).includes('pauseFile'));
    assert.ok(!actions({ place: undefined }).includes('pauseLanguage'));
  });
});

describe('pauses', () => {
  const place = { uri: 'file:///a.py', language: 'python' };
  const none = { enabled: true, disabledLanguages: [] };

  it('holds for the file it was made for, until it is taken back', () => {
    const files = new PausedFiles();
    files.toggle(place.uri);
    assert.equal(pauseAt(place, files, none), 'file');
    assert.equal(pauseAt({ ...place, uri: 'file:///b.py' }, files, none), undefined);
    files.toggle(place.uri);
    assert.equal(pauseAt(place, files, none), undefined);
  });

  it('names the widest', () => {
    const files = new PausedFiles();
    files.toggle(place.uri);
    const language = { enabled: true, disabledLanguages: ['python'] };
    assert.equal(pauseAt(place, files, language), 'language');
    assert.equal(pauseAt(place, files, { ...language, enabled: false }), 'everywhere');
    assert.equal(pauseAt(undefined, files, { ...none, enabled: false }), 'everywhere');
  });
});

describe('why no suggestion', () => {
  const record = (changes: Partial<RequestRecord>): RequestRecord => ({
    uri: 'file:///a.py',
    position: { line: 2, character: 4 },
    outcome: 'empty',
    reason: 'low-confidence',
    accepted: false,
    source: 'model',
    total_ms: 41.7,
    ...changes,
  });

  it('says it in words', () => {
    const { label, description } = explain(record({}));
    assert.match(label, /^Line 3, column 5: the model was not sure enough/);
    assert.equal(description, 'model, 42 ms');
    assert.match(explain(record({ outcome: 'shown', reason: null })).label, /was made/);
    const taken = explain(record({ outcome: 'shown', reason: null, accepted: true }));
    assert.match(taken.label, /was accepted/);
    assert.match(explain(record({ reason: 'repeats-suffix' })).label, /nothing was left .*repeats-suffix/);
    assert.match(explain(record({ reason: 'DecodeError' })).label, /failed .*log/);
    assert.equal(explain(record({ source: null, total_ms: 0 })).description, '0 ms');
  });

  it('counts what was shown and taken, and no suggestion twice', () => {
    const shown = record({ outcome: 'shown', reason: null, source: 'model' });
    const rest = record({ outcome: 'shown', reason: null, source: 'type-through', accepted: true });
    assert.equal(tally([shown, rest, shown, record({})]), 'lately 2 shown, 1 accepted');
  });

  it('lists the newest of the file, without those that gave way', () => {
    const records = [
      record({ total_ms: 1 }),
      record({ total_ms: 2, outcome: 'superseded' }),
      record({ total_ms: 3, uri: 'file:///b.py' }),
      record({ total_ms: 4 }),
      record({ total_ms: 5 }),
    ];
    const shown = newest(records, 'file:///a.py', 2).map(({ total_ms }) => total_ms);
    assert.deepEqual(shown, [5, 4]);
  });

  it('lists those that gave way if there are no others', () => {
    const records = [record({ outcome: 'superseded', reason: 'newer-request' })];
    assert.equal(newest(records, 'file:///a.py', 9).length, 1);
  });
});
