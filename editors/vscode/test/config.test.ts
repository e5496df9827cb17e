import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { asStrings, forServer, targetOf, withLanguage } from '../src/config.ts';

describe('forServer', () => {
  it('sends what is set, and nothing that chooses the server', () => {
    const section = {
      server: { path: '/x/sotto', source: '', python: '' },
      model: { path: '', contextSize: null, fallbackToBuiltin: true },
      inlineCompletion: { enabled: false, minConfidence: null, disabledLanguages: [] },
    };
    assert.deepEqual(forServer(section), {
      model: { fallbackToBuiltin: true },
      inlineCompletion: { enabled: false, disabledLanguages: [] },
    });
  });

  it('leaves mistakes to the server, which names them', () => {
    const section = { modle: { path: '/m.gguf' }, inlineCompletion: { maxLines: 'many' }, completion: 3 };
    assert.deepEqual(forServer(section), section);
  });

  it('makes nothing of nothing', () => {
    for (const section of [null, undefined, 'x', []]) assert.deepEqual(forServer(section), {});
  });
});

it('writes where a value counts', () => {
  assert.equal(targetOf(undefined), 'user');
  assert.equal(targetOf({}), 'user');
  assert.equal(targetOf({ workspaceValue: false }), 'workspace');
  assert.equal(targetOf({ workspaceValue: true, workspaceFolderValue: [] }), 'workspaceFolder');
});

it('adds and removes one language and keeps the others as they are', () => {
  assert.deepEqual(withLanguage(['markdown', 'c'], 'python', true), ['markdown', 'c', 'python']);
  assert.deepEqual(withLanguage(['markdown', 'c'], 'markdown', false), ['c']);
  assert.deepEqual(withLanguage(['c'], 'c', true), ['c']);
});

it('reads a list of strings out of anything', () => {
  assert.deepEqual(asStrings(['a', 1, 'b']), ['a', 'b']);
  for (const value of [null, undefined, 'a', {}]) assert.deepEqual(asStrings(value), []);
});
