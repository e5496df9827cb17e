/** What is exchanged with the server about a conversation, as docs/protocol.md describes it. */

export const CHAT = 'sotto/chat';
export const PROPOSE_EDITS = 'sotto/proposeEdits';
export const CONVERSATIONS = 'sotto/conversations';
export const CONVERSATION = 'sotto/conversation';
export const DELETE_CONVERSATIONS = 'sotto/deleteConversations';

export interface Place {
  readonly line: number;
  readonly character: number;
}

export interface Range {
  readonly start: Place;
  readonly end: Place;
}

export interface Diagnostic {
  readonly uri: string;
  readonly range: Range;
  readonly message: string;
  readonly severity?: number;
  readonly source?: string;
}

export interface Attachment {
  readonly kind: 'selection' | 'file' | 'symbol' | 'diagnostics' | 'diff' | 'search';
  readonly uri?: string;
  readonly range?: Range | null;
  readonly name?: string;
  readonly query?: string;
}

export interface Step {
  readonly content: string;
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly result: string;
  readonly failed: boolean;
}

export interface Message {
  readonly role: 'user' | 'assistant';
  readonly content: string;
  readonly attachments?: readonly Attachment[];
  readonly context?: string;
  readonly steps?: readonly Step[];
}

export interface ChatParams {
  readonly messages: readonly Message[];
  readonly useTools?: boolean;
  readonly diagnostics?: readonly Diagnostic[];
  readonly conversationId?: string;
  readonly partialResultToken?: string;
}

/** What comes in `$/progress` while an answer is made. */
export type ChatEvent =
  | { readonly kind: 'context'; readonly titles: readonly string[] }
  | { readonly kind: 'reasoning' | 'text'; readonly text: string }
  | {
      readonly kind: 'step';
      readonly number: number;
      readonly tool: string;
      readonly arguments: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: 'stepEnd';
      readonly number: number;
      readonly summary: string;
      readonly failed: boolean;
    };

export interface Usage {
  readonly n_prompt_tokens: number;
  readonly n_reused_tokens: number;
  readonly n_decoded_tokens: number;
  readonly tokens_per_second: number | null;
}

export interface ProposedEdit {
  readonly uri: string;
  readonly path: string;
  readonly diff: string;
  /** A `WorkspaceEdit` of the protocol with `documentChanges`; null where it was refused. */
  readonly edit: object | null;
  readonly refusal: string | null;
}

export interface ChatAnswer {
  readonly content: string;
  readonly reasoning: string;
  readonly steps: readonly Step[];
  readonly context: string;
  readonly finish_reason: 'stop' | 'length' | 'step-budget';
  readonly notes: readonly string[];
  readonly edits: readonly ProposedEdit[];
  readonly usage: Usage;
}

export interface ConversationInfo {
  readonly conversation_id: string;
  readonly title: string;
  readonly updated: string;
  readonly n_turns: number;
}

export interface KeptTurn {
  readonly question: Message;
  readonly answer: Message | null;
  readonly reasoning: string;
  readonly outcome: 'pending' | 'finished' | 'stopped' | 'failed';
}
