/** The chat view's page: shows what the extension tells it, and tells it what is done here. */

import type { FromPage, ToPage, View } from '../src/chat/page.ts';
import { heard } from '../src/chat/conversation.ts';
import { Composer } from './composer.ts';
import { make, update } from './dom.ts';
import { turnElement } from './turns.ts';

interface Api {
  postMessage(message: FromPage): void;
  getState(): { draft: string } | undefined;
  setState(state: { draft: string }): void;
}

declare function acquireVsCodeApi(): Api;

const api = acquireVsCodeApi();
const post = (message: FromPage): void => api.postMessage(message);

const log = make('main', { role: 'log', 'aria-live': 'polite', 'aria-label': 'Conversation', tabindex: '0' });
const banner = make('div', { class: 'banner', role: 'status' });
const composer = new Composer(post, api.getState()?.draft ?? '', (draft) => api.setState({ draft }));
document.body.append(log, banner, composer.element);

let view: View | undefined;
let isDrawing = false;

window.addEventListener('message', ({ data }: MessageEvent<ToPage>) => {
  switch (data.kind) {
    case 'view':
      view = data.view;
      composer.show(view);
      showBanner(view);
      return draw();
    case 'event':
      if (view) view = { ...view, turns: view.turns.with(-1, heard(lastTurn(view), data.event)) };
      return draw();
    case 'files':
      return composer.showFiles(data.query, data.files);
    case 'focus':
      return composer.focus();
  }
});

function lastTurn({ turns }: View) {
  const turn = turns.at(-1);
  if (!turn) throw new Error('an answer without a question');
  return turn;
}

/** Once in a frame, however many pieces have come. */
function draw(): void {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    if (view) showTurns(view);
  });
}

let shown: View['turns'] = [];

function showTurns({ turns }: View): void {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const hasGrown = turns.length > shown.length;
  turns.forEach((turn, at) => {
    const old = log.children[at];
    if (!old) log.append(turnElement(turn, at));
    else if (turn !== shown[at]) update(old, turnElement(turn, at));
  });
  while (log.children.length > turns.length) log.lastChild?.remove();
  shown = turns;
  if (isAtEnd || hasGrown) log.scrollTop = log.scrollHeight;
}

function showBanner({ readiness, turns }: View): void {
  const hint = turns.length || readiness.kind !== 'ready' ? '' : 'Nothing you ask leaves this machine.';
  const text = readiness.kind === 'ready' ? hint : readiness.text;
  update(
    banner,
    make(
      'div',
      {},
      text !== '' && make('p', {}, text),
      readiness.kind === 'unable' &&
        make('button', { type: 'button', 'data-action': 'remedy' }, readiness.remedy.title),
    ),
  );
}

document.addEventListener('click', (event) => {
  const target = event.target instanceof Element ? event.target : undefined;
  const link = target?.closest('a');
  const button = target?.closest('button');
  if (link) {
    event.preventDefault();
    post({ kind: 'openLink', href: link.getAttribute('href') ?? '' });
  } else if (button) {
    act(button);
  }
});

function act(button: HTMLButtonElement): void {
  const block = button.closest<HTMLElement>('figure.code');
  const code = block?.querySelector('code')?.textContent ?? '';
  const { action, turn, edit } = button.dataset;
  switch (action) {
    case 'send':
      return composer.submit();
    case 'stop':
    case 'attach':
    case 'remedy':
      return post({ kind: action });
    case 'copy':
    case 'insert':
      return post({ kind: action, text: code });
    case 'apply':
      return post({ kind: 'apply', source: block?.dataset['source'] ?? '' });
    case 'review':
      return post({ kind: 'review', turn: Number(turn), edit: Number(edit) });
  }
}

document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && view?.turns.at(-1)?.outcome === 'running') post({ kind: 'stop' });
});

post({ kind: 'shown' });
