import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { needingConfirmation, versionOf } from '../src/chat/confirmation.ts';
import { type Turn, answered, asked, ended, heard, history, restored } from '../src/chat/conversation.ts';
import { fits } from '../src/chat/diff.ts';
import type { ChatAnswer, ChatEvent } from '../src/chat/protocol.ts';
import { readiness } from '../src/chat/readiness.ts';
import type { Status } from '../src/protocol.ts';
import { commandsLike, completed, wanted } from '../webview/suggesting.ts';

const ANSWER: ChatAnswer = {
  content: 'It adds.',
  reasoning: '',
  steps: [],
  context: 'a.py:\n```python\nx\n```',
  finish_reason: 'stop',
  notes: [],
  edits: [],
  usage: { n_prompt_tokens: 10, n_reused_tokens: 4, n_decoded_tokens: 3, tokens_per_second: 7.5 },
};

function after(turn: Turn, ...events: ChatEvent[]): Turn {
  return events.reduce(heard, turn);
}

describe('a turn', () => {
  it('grows by the pieces of its answer', () => {
    const turn = after(
      asked('What?', []),
      { kind: 'reasoning', text: 'Hm' },
      { kind: 'text', text: 'It ' },
      { kind: 'text', text: 'adds.' },
    );
    assert.equal(turn.reasoning, 'Hm');
    assert.equal(turn.answer, 'It adds.');
    assert.equal(turn.outcome, 'running');
  });

  it('gives what was said before a tool to its step', () => {
    const turn = after(
      asked('What?', []),
      { kind: 'text', text: 'I look.' },
      { kind: 'step', number: 1, tool: 'read_file', arguments: { path: 'a.py' } },
      { kind: 'stepEnd', number: 1, summary: '2 lines', failed: false },
      { kind: 'text', text: 'It adds.' },
    );
    assert.deepEqual(turn.steps[0]?.before, 'I look.');
    assert.equal(turn.steps[0]?.summary, '2 lines');
    assert.equal(turn.answer, 'It adds.');
  });

  it('is sent back as it came, with what was attached', () => {
    const turn = answered(asked('What?', []), ANSWER);
    assert.deepEqual(history([turn]), [
      { role: 'user', content: 'What?', context: ANSWER.context },
      { role: 'assistant', content: 'It adds.', steps: [] },
    ]);
  });

  it('is sent back as far as it came if it was stopped, and not at all without an answer', () => {
    const said = ended(after(asked('What?', []), { kind: 'text', text: 'It' }), 'stopped');
    assert.equal(history([said])[1]?.content, 'It');
    assert.deepEqual(history([ended(asked('What?', []), 'failed', 'No model.')]), []);
  });

  it('tells that an answer was cut off', () => {
    const turn = answered(asked('What?', []), { ...ANSWER, finish_reason: 'length' });
    assert.match(turn.notes[0] ?? '', /cut off/);
  });

  it('comes back as it was kept', () => {
    const [question, answer] = answered(asked('What?', []), ANSWER).messages;
    assert.ok(question && answer);
    const turn = restored({ question, answer, reasoning: 'Hm', outcome: 'pending' });
    assert.deepEqual(turn.attached, ['a.py']);
    assert.equal(turn.answer, 'It adds.');
    assert.equal(turn.outcome, 'stopped', 'nothing more comes of it');
    assert.deepEqual(history([turn]), [question, answer]);
  });
});

describe('an edit', () => {
  const change = { range: {}, newText: 'x' };
  const textDocument = { uri: 'file:///a.py', version: 3 };
  const edit = { documentChanges: [{ textDocument, edits: [change] }, { kind: 'create', uri: 'file:///b.py' }] };

  it('is marked to be confirmed in all its parts', () => {
    assert.deepEqual(needingConfirmation(edit, 'Sotto'), {
      documentChanges: [
        { textDocument, edits: [{ ...change, annotationId: 'sotto' }] },
        { kind: 'create', uri: 'file:///b.py', annotationId: 'sotto' },
      ],
      changeAnnotations: { sotto: { label: 'Sotto', needsConfirmation: true } },
    });
  });

  it('says which version it is for', () => {
    assert.equal(versionOf(edit), 3);
    assert.equal(versionOf({ documentChanges: [{ textDocument: { ...textDocument, version: null } }] }), null);
  });

  it('is for a text that has the lines it changes, where it changed them', () => {
    const diff = '--- a/a.py\n+++ b/a.py\n@@ -2,3 +2,3 @@\n x\n--- y\n+z\n \n';
    assert.ok(fits(diff, 'other\nx\n-- y\n\n'));
    assert.ok(fits(diff, 'other\r\nx\r\n-- y\r\n\r\n'));
    assert.ok(!fits(diff, 'one more\nother\nx\n-- y\n\n'));
    assert.ok(!fits(diff, 'other\nx'));
  });

  it('of a new file is for none that is there', () => {
    const diff = '--- a/b.py\n+++ b/b.py\n@@ -0,0 +1 @@\n+x\n';
    assert.ok(fits(diff, ''));
    assert.ok(!fits(diff, 'y\n'));
  });
});

describe('whether there is a model to talk with', () => {
  const model = { name: 'm', path: '', arch: '', n_params: 1, quantization: '', n_ctx: 1, is_builtin: true, supports_chat: false };
  const status: Status = { state: 'ready', model, backend: '', threads: 1, rss_bytes: 1, version: '', message: null };

  it('offers to choose another than one that only completes', () => {
    const now = readiness('running', status);
    assert.ok(now.kind === 'unable');
    assert.match(now.text, /^The built-in model only completes code/);
    assert.equal(now.remedy.command, 'sotto.chooseModel');
  });

  it('names the one that answers', () => {
    const now = readiness('running', { ...status, model: { ...model, supports_chat: true } });
    assert.deepEqual(now, { kind: 'ready', model: 'm' });
  });

  it('lets a question load one that was unloaded', () => {
    assert.equal(readiness('running', { ...status, state: 'stopped', model: null }).kind, 'ready');
  });

  it('says that the chat is turned off, and where', () => {
    const now = readiness('running', status, false);
    assert.ok(now.kind === 'unable');
    assert.match(now.text, /sotto\.chat\.enabled/);
    assert.deepEqual(now.remedy.arguments, ['sotto.chat.enabled']);
  });

  it('offers to install a server that is absent', () => {
    const now = readiness('absent', undefined);
    assert.ok(now.kind === 'unable');
    assert.equal(now.remedy.command, 'sotto.installServer');
  });
});

describe('what is being typed', () => {
  it('is a command at the beginning only', () => {
    assert.deepEqual(wanted('/te', 3), { kind: 'command', text: 'te', start: 0 });
    assert.equal(wanted('see /te', 7), undefined);
    assert.deepEqual(commandsLike('te').map(([name]) => name), ['tests']);
    assert.deepEqual(commandsLike('tests'), [], 'Enter sends it then');
    assert.equal(wanted('/tests ', 7), undefined);
  });

  it('is a file after an @ that begins a word', () => {
    assert.deepEqual(wanted('in @src/a', 9), { kind: 'file', text: 'src/a', start: 3 });
    assert.equal(wanted('me@home', 7), undefined);
  });

  it('is taken out for what was chosen', () => {
    const typed = wanted('in @sr now', 6);
    assert.ok(typed);
    assert.deepEqual(completed('in @sr now', 6, typed, '@src.py'), { value: 'in @src.py now', cursor: 11 });
  });
});
