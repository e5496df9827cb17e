/** What the extension and its page say to each other. */

import type { Turn } from './conversation.ts';
import type { ChatEvent } from './protocol.ts';

/** Whether there is a model that can answer, and what to do if not. */
export type Readiness =
  | { readonly kind: 'ready'; readonly model: string }
  | { readonly kind: 'waiting'; readonly text: string }
  | { readonly kind: 'unable'; readonly text: string; readonly remedy: Remedy };

export interface Remedy {
  readonly title: string;
  readonly command: string;
  readonly arguments?: readonly string[];
}

/** All that the page shows. */
export interface View {
  readonly turns: readonly Turn[];
  readonly attached: readonly string[];
  readonly usesTools: boolean;
  readonly readiness: Readiness;
}

export interface FileMatch {
  readonly name: string;
  readonly folder: string;
  readonly uri: string;
}

export type ToPage =
  | { readonly kind: 'view'; readonly view: View }
  | { readonly kind: 'event'; readonly event: ChatEvent }
  | { readonly kind: 'files'; readonly query: string; readonly files: readonly FileMatch[] }
  | { readonly kind: 'focus' };

export type FromPage =
  | { readonly kind: 'shown' | 'stop' | 'attach' | 'remedy' }
  | { readonly kind: 'ask'; readonly text: string }
  | { readonly kind: 'useTools'; readonly on: boolean }
  | { readonly kind: 'findFiles'; readonly query: string }
  | { readonly kind: 'attachFile'; readonly uri: string }
  | { readonly kind: 'detach'; readonly index: number }
  | { readonly kind: 'copy' | 'insert'; readonly text: string }
  /** `source` is a code block in Markdown, with the line before it, which may name its file. */
  | { readonly kind: 'apply'; readonly source: string }
  | { readonly kind: 'review'; readonly turn: number; readonly edit: number }
  | { readonly kind: 'openLink'; readonly href: string };
