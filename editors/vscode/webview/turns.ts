/** Questions and answers as elements. */

import check from '@vscode/codicons/src/icons/check.svg';
import error from '@vscode/codicons/src/icons/error.svg';
import loading from '@vscode/codicons/src/icons/loading.svg';

import type { ShownStep, Turn } from '../src/chat/conversation.ts';
import type { ProposedEdit, Usage } from '../src/chat/protocol.ts';
import { rendered } from './answer.ts';
import { make, picture } from './dom.ts';

/** `number` counts from 0. */
export function turnElement(turn: Turn, number: number): HTMLElement {
  const isRunning = turn.outcome === 'running';
  const isSilent = isRunning && !turn.answer && !turn.reasoning;
  return make(
    'article',
    { class: 'turn', 'aria-label': `Question ${number + 1}` },
    make(
      'div',
      { class: 'question' },
      turn.attached.length > 0 && make('div', { class: 'chips' }, ...turn.attached.map(chip)),
      make('div', { class: 'text' }, turn.question),
    ),
    make(
      'div',
      { class: 'answer', 'aria-busy': String(isRunning) },
      ...turn.steps.map(stepElement),
      reasoningElement(turn.reasoning, isRunning && !turn.answer),
      turn.answer !== '' && rendered(turn.answer),
      isSilent && make('div', { class: 'waiting', role: 'status' }, 'Reading…'),
      ...turn.edits.map((edit, at) => editElement(edit, number, at)),
      turn.outcome === 'stopped' && make('p', { class: 'note' }, 'Stopped.'),
      ...turn.notes.map((note) =>
        turn.outcome === 'failed'
          ? make('p', { class: 'problem', role: 'alert' }, note)
          : make('p', { class: 'note' }, note),
      ),
      turn.usage && make('p', { class: 'usage' }, usageText(turn.usage)),
    ),
  );
}

function chip(title: string): HTMLElement {
  return make('span', { class: 'chip' }, title);
}

function reasoningElement(text: string, isRunning: boolean): HTMLElement | undefined {
  if (!text) return undefined;
  return make(
    'details',
    { class: 'reasoning' },
    make('summary', {}, isRunning ? 'Thinking…' : 'Thoughts'),
    make('div', { class: 'text' }, text.trim()),
  );
}

function stepElement(step: ShownStep): HTMLElement {
  const isRunning = step.summary === undefined;
  const icon = isRunning ? loading : step.failed ? error : check;
  const state = isRunning ? 'is running' : step.failed ? 'failed' : 'done';
  return make(
    'div',
    { class: 'part' },
    reasoningElement(step.reasoning, false),
    step.before !== '' && rendered(step.before),
    make(
      'details',
      { class: `step ${step.failed ? 'failed' : ''} ${isRunning ? 'running' : ''}` },
      make(
        'summary',
        { 'aria-label': `${step.tool}, ${state}` },
        picture(icon),
        make('code', {}, step.tool),
        ' ',
        make('span', { class: 'subject' }, subject(step.arguments)),
      ),
      make('div', { class: 'text' }, step.summary ?? ''),
    ),
  );
}

/** What a tool was asked about, in a few words. */
function subject(args: Readonly<Record<string, unknown>>): string {
  const [first] = Object.values(args).filter((value) => typeof value === 'string');
  return typeof first === 'string' ? (first.split('\n', 1)[0] ?? '') : '';
}

function editElement(edit: ProposedEdit, turn: number, at: number): HTMLElement {
  if (edit.refusal !== null) return make('p', { class: 'problem' }, edit.refusal);
  return make(
    'details',
    { class: 'edit' },
    make(
      'summary',
      {},
      make('span', { class: 'subject' }, edit.path),
      make(
        'button',
        { type: 'button', 'data-action': 'review', 'data-turn': String(turn), 'data-edit': String(at) },
        'Review…',
      ),
    ),
    make('pre', { tabindex: '0', 'aria-label': `Changes in ${edit.path}` }, ...diffLines(edit.diff)),
  );
}

/** Without the two lines at its head, which say no more than the path. */
function diffLines(diff: string): HTMLElement[] {
  const kinds: Record<string, string> = { '+': 'added', '-': 'removed', '@': 'hunk' };
  return diff.split('\n').slice(2).map((line) => make('div', { class: kinds[line[0] ?? ''] }, line || ' '));
}

function usageText(usage: Usage): string {
  const speed = usage.tokens_per_second;
  const parts = [
    `${usage.n_prompt_tokens} tokens read`,
    ...(usage.n_reused_tokens ? [`${usage.n_reused_tokens} of them from the cache`] : []),
    `${usage.n_decoded_tokens} written`,
    ...(speed === null ? [] : [`${speed < 10 ? speed.toFixed(1) : Math.round(speed)} tokens/s`]),
  ];
  return parts.join(' · ');
}
