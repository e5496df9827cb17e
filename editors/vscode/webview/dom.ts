/** Makes elements, and brings what is shown up to date without replacing what has not changed. */

type Child = Node | string | undefined | false;

/** An element with attributes; those that are undefined or false are left out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | boolean | undefined>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, '');
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== false));
  return element;
}

/** A button with a picture of VS Code's, and its name for those who do not see it. */
export function iconButton(icon: string, label: string, action: string): HTMLButtonElement {
  const button = make('button', {
    type: 'button',
    class: 'icon',
    title: label,
    'aria-label': label,
    'data-action': action,
  });
  button.append(picture(icon));
  return button;
}

/** `svg` is the text of one of the project's own files, never a model's. */
export function picture(svg: string): Element {
  const parsed = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
  parsed.setAttribute('aria-hidden', 'true');
  return document.importNode(parsed, true);
}

/**
 * Makes the children of `shown` those of `fresh`. What is equal stays: a selection, the focus and
 * what a person has folded open survive while an answer grows.
 */
export function update(shown: Element, fresh: Element): void {
  const wanted = [...fresh.childNodes];
  wanted.forEach((child, at) => {
    const old = shown.childNodes[at];
    if (!old) shown.append(child);
    else if (!old.isEqualNode(child)) updateNode(old, child);
  });
  while (shown.childNodes.length > wanted.length) shown.lastChild?.remove();
}

function updateNode(old: ChildNode, fresh: ChildNode): void {
  if (old instanceof Text && fresh instanceof Text) {
    old.data = fresh.data;
  } else if (old instanceof HTMLElement && fresh instanceof HTMLElement && old.tagName === fresh.tagName) {
    updateAttributes(old, fresh);
    update(old, fresh);
  } else {
    old.replaceWith(fresh);
  }
}

function updateAttributes(old: Element, fresh: Element): void {
  for (const { name } of [...old.attributes]) {
    if (name !== 'open' && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}
