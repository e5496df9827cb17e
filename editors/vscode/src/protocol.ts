/** The server's own methods, as docs/protocol.md describes them. */

export const STATUS = 'sotto/status';
export const RECENT_REQUESTS = 'sotto/recentRequests';
export const DOCUMENT_INFO = 'sotto/documentInfo';

export interface StatusModel {
  readonly name: string;
  readonly path: string;
  readonly arch: string;
  readonly n_params: number;
  readonly quantization: string;
  readonly n_ctx: number;
  readonly is_builtin: boolean;
  readonly supports_chat: boolean;
}

export interface Status {
  readonly state: 'stopped' | 'loading' | 'ready' | 'failed' | 'closed';
  readonly model: StatusModel | null;
  readonly backend: string;
  readonly threads: number;
  readonly rss_bytes: number;
  readonly version: string;
  readonly message: string | null;
}

/** What became of one request for a suggestion. It holds nothing of the text. */
export interface RequestRecord {
  readonly uri: string;
  readonly position: { readonly line: number; readonly character: number };
  readonly outcome: 'shown' | 'empty' | 'superseded' | 'cancelled' | 'error';
  readonly reason: string | null;
  readonly accepted: boolean;
  readonly source: string | null;
  readonly total_ms: number;
}

/** The server's copy of a document. */
export interface DocumentInfo {
  readonly version: number;
  readonly n_chars: number | null;
  readonly sha256: string | null;
  readonly suspicion: string | null;
}

/** The command that an action has whose instruction is asked for here. */
export const REWRITE = 'sotto.rewrite';

/** Its argument: `CodeAction.data` of the action, to which the instruction is added. */
export interface RewriteData {
  readonly title: string;
  readonly instruction?: string;
}
