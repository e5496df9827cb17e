/** Markdown on the page: sanitised, with buttons at its code blocks. */

import insert from '@vscode/codicons/src/icons/insert.svg';
import copy from '@vscode/codicons/src/icons/copy.svg';
import diff from '@vscode/codicons/src/icons/diff.svg';
import DOMPurify from 'dompurify';

import { iconButton, make } from './dom.ts';
import { toHtml } from './markdown.ts';

/** Nothing that loads, runs, looks like a part of the page or is styled by a model. */
const ALLOWED = {
  ALLOWED_TAGS: [
    ...['a', 'blockquote', 'br', 'code', 'del', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr'],
    ...['li', 'ol', 'p', 'pre', 's', 'span', 'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul'],
  ],
  // These hold no address, and so are not asked to look like one.
  ADD_URI_SAFE_ATTR: ['lang', 'start'],
  ALLOWED_ATTR: ['class', 'href', 'lang', 'start', 'title'],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
};

/** A block of rendered Markdown. */
export function rendered(text: string): HTMLElement {
  const element = make('div', { class: 'markdown' });
  element.append(DOMPurify.sanitize(toHtml(text), { ...ALLOWED, RETURN_DOM_FRAGMENT: true }));
  for (const pre of element.querySelectorAll('pre')) wrapCode(pre);
  return element;
}

function wrapCode(pre: HTMLElement): void {
  const language = pre.lang || 'text';
  const source = pre.title;
  pre.removeAttribute('title');
  pre.removeAttribute('lang');
  pre.tabIndex = 0; // what is too wide is scrolled to with the arrow keys
  pre.setAttribute('aria-label', `Code in ${language}`);
  const block = make(
    'figure',
    { class: 'code', 'data-source': source },
    make(
      'figcaption',
      {},
      make('span', { class: 'language' }, language),
      iconButton(copy, 'Copy', 'copy'),
      iconButton(insert, 'Insert at Cursor', 'insert'),
      // A block that stands indented is no fence, and has no source that could name a file.
      source !== '' && iconButton(diff, 'Apply, after a Preview', 'apply'),
    ),
  );
  pre.replaceWith(block);
  block.append(pre);
}
