/** Where a question is written: its field, what goes with it, and the list that completes it. */

import attach from '@vscode/codicons/src/icons/attach.svg';
import send from '@vscode/codicons/src/icons/send.svg';
import stop from '@vscode/codicons/src/icons/debug-stop.svg';
import tools from '@vscode/codicons/src/icons/tools.svg';

import type { FileMatch, FromPage, View } from '../src/chat/page.ts';
import { iconButton, make, update } from './dom.ts';
import { type Wanted, commandsLike, completed, wanted } from './suggesting.ts';

interface Entry {
  readonly label: string;
  readonly detail: string;
  /** What is written in the field. */
  readonly text: string;
  readonly uri?: string;
}

export class Composer {
  readonly element: HTMLElement;
  private readonly field = make('textarea', {
    id: 'question',
    rows: '1',
    placeholder: 'Ask about the code. @ attaches a file, / is a command',
    'aria-label': 'Question',
    'aria-autocomplete': 'list',
    'aria-controls': 'suggestions',
  });
  private readonly chips = make('div', { class: 'chips' });
  private readonly list = make('ul', { id: 'suggestions', role: 'listbox', hidden: true });
  private readonly tools = iconButton(tools, 'Let the model look around in the project', 'useTools');
  private readonly model = make('span', { class: 'model' });
  private readonly send = iconButton(send, 'Send (Enter)', 'send');
  private readonly stop = iconButton(stop, 'Stop (Escape)', 'stop');

  private readonly post: (message: FromPage) => void;
  private readonly keep: (draft: string) => void;
  private wanted: Wanted | undefined;
  private entries: readonly Entry[] = [];
  private chosen = 0;
  private isBusy = false;
  private isReady = false;
  private usesTools = false;

  constructor(post: (message: FromPage) => void, draft: string, keep: (draft: string) => void) {
    this.post = post;
    this.keep = keep;
    this.field.value = draft;
    this.element = make(
      'form',
      { class: 'composer' },
      this.list,
      this.chips,
      this.field,
      make(
        'div',
        { class: 'bar' },
        iconButton(attach, 'Attach…', 'attach'),
        this.tools,
        this.model,
        this.send,
        this.stop,
      ),
    );
    this.field.addEventListener('input', () => this.changed());
    this.field.addEventListener('keydown', (event) => this.pressed(event));
    this.field.addEventListener('blur', () => this.suggest([]));
    this.element.addEventListener('submit', (event) => event.preventDefault());
    this.element.addEventListener('click', (event) => this.clicked(event));
    // A click must not take the focus away, which would close the list before it is heard.
    this.list.addEventListener('mousedown', (event) => event.preventDefault());
  }

  show({ attached, usesTools, readiness, turns }: View): void {
    this.isBusy = turns.at(-1)?.outcome === 'running';
    this.isReady = readiness.kind === 'ready';
    this.usesTools = usesTools;
    this.model.textContent = readiness.kind === 'ready' ? readiness.model : '';
    this.tools.setAttribute('aria-pressed', String(usesTools));
    update(this.chips, make('div', {}, ...attached.map(chip)));
    this.showButtons();
    this.fit();
  }

  /** The answer to `findFiles`. */
  showFiles(query: string, files: readonly FileMatch[]): void {
    if (this.wanted?.kind !== 'file' || this.wanted.text !== query) return;
    this.suggest(
      files.map(({ name, folder, uri }) => ({ label: name, detail: folder, text: `@${name}`, uri })),
    );
  }

  focus(): void {
    this.field.focus();
  }

  submit(): void {
    const text = this.field.value.trim();
    if (!text || this.isBusy || !this.isReady) return;
    this.write('', 0);
    this.post({ kind: 'ask', text });
  }

  private changed(): void {
    this.keep(this.field.value);
    this.showButtons();
    this.fit();
    this.wanted = wanted(this.field.value, this.field.selectionStart);
    if (this.wanted?.kind === 'file') {
      this.post({ kind: 'findFiles', query: this.wanted.text });
    } else {
      const commands = this.wanted ? commandsLike(this.wanted.text) : [];
      this.suggest(commands.map(([name, detail]) => ({ label: `/${name}`, detail, text: `/${name}` })));
    }
  }

  private showButtons(): void {
    this.send.disabled = !this.isReady || !this.field.value.trim();
    this.send.hidden = this.isBusy;
    this.stop.hidden = !this.isBusy;
  }

  private write(value: string, cursor: number): void {
    this.field.value = value;
    this.field.setSelectionRange(cursor, cursor);
    this.changed();
  }

  /** As high as its text, up to what the style allows. */
  private fit(): void {
    this.field.style.height = 'auto';
    this.field.style.height = `${this.field.scrollHeight}px`;
  }

  private pressed(event: KeyboardEvent): void {
    if (event.isComposing) return;
    if (this.entries.length > 0 && this.pressedInList(event.key)) {
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      this.submit();
    }
  }

  /** Whether the list of suggestions has taken the key. */
  private pressedInList(key: string): boolean {
    const count = this.entries.length;
    if (key === 'ArrowDown') this.choose((this.chosen + 1) % count);
    else if (key === 'ArrowUp') this.choose((this.chosen + count - 1) % count);
    else if (key === 'Enter' || key === 'Tab') this.take(this.chosen);
    else if (key === 'Escape') this.suggest([]);
    else return false;
    return true;
  }

  private clicked(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target : undefined;
    const option = target?.closest('[role=option]');
    if (option) return this.take([...this.list.children].indexOf(option));
    const button = target?.closest('button');
    if (button?.dataset['detach']) {
      this.post({ kind: 'detach', index: Number(button.dataset['detach']) });
    } else if (button?.dataset['action'] === 'useTools') {
      this.post({ kind: 'useTools', on: !this.usesTools });
    }
  }

  private take(at: number): void {
    const entry = this.entries[at];
    if (!entry || !this.wanted) return;
    const { value, cursor } = completed(
      this.field.value,
      this.field.selectionStart,
      this.wanted,
      entry.text,
    );
    if (entry.uri) this.post({ kind: 'attachFile', uri: entry.uri });
    this.write(value, cursor);
    this.suggest([]);
  }

  private suggest(entries: readonly Entry[]): void {
    this.entries = entries;
    this.list.hidden = entries.length === 0;
    this.list.replaceChildren(
      ...entries.map(({ label, detail }, at) =>
        make(
          'li',
          { role: 'option', id: `suggestion${at}` },
          make('span', { class: 'label' }, label),
          make('span', { class: 'detail' }, detail),
        ),
      ),
    );
    this.choose(0);
  }

  private choose(at: number): void {
    this.chosen = at;
    [...this.list.children].forEach((option, index) => {
      option.setAttribute('aria-selected', String(index === at));
      if (index === at) option.scrollIntoView({ block: 'nearest' });
    });
    if (this.entries.length) this.field.setAttribute('aria-activedescendant', `suggestion${at}`);
    else this.field.removeAttribute('aria-activedescendant');
  }
}

function chip(title: string, index: number): HTMLElement {
  const label = `Do not attach ${title}`;
  const button = make('button', { type: 'button', 'data-detach': String(index), 'aria-label': label, title: label }, '×');
  return make('span', { class: 'chip' }, title, button);
}
