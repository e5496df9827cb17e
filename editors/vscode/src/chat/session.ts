/** The conversation that the chat view shows, and what the next question takes with it. */

import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';

import { type Connection, NoAnswerError, ask, diagnostics, keptTurns } from './asking.ts';
import { type Attached, type Turn, answered, asked, ended, heard, history, restored } from './conversation.ts';
import type { ChatEvent } from './protocol.ts';

/** Which conversation was open, for the next time the window is opened. */
const OPEN = 'chat.open';
const USES_TOOLS = 'chat.usesTools';

export class ChatSession implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  /** Something other than a piece of an answer has come. */
  readonly onDidChange = this.changed.event;
  private readonly pieces = new vscode.EventEmitter<ChatEvent>();
  readonly onDidHear = this.pieces.event;

  private readonly connection: Connection;
  private readonly memory: vscode.Memento;
  private id: string;
  private isRestored = false;
  private stopping: vscode.CancellationTokenSource | undefined;

  turns: readonly Turn[] = [];
  attached: readonly Attached[] = [];

  constructor(connection: Connection, memory: vscode.Memento) {
    this.connection = connection;
    this.memory = memory;
    this.id = memory.get(OPEN) ?? randomUUID();
    // A conversation that is new has nothing to be restored.
    this.isRestored = memory.get(OPEN) === undefined;
  }

  get isBusy(): boolean {
    return this.stopping !== undefined;
  }

  get usesTools(): boolean {
    return this.memory.get(USES_TOOLS, false);
  }

  setUsesTools(on: boolean): void {
    void this.memory.update(USES_TOOLS, on);
    this.changed.fire();
  }

  attach(attached: Attached): void {
    const isThere = this.attached.some((one) => one.title === attached.title);
    if (!isThere) this.attached = [...this.attached, attached];
    this.changed.fire();
  }

  detach(index: number): void {
    this.attached = this.attached.filter((_, at) => at !== index);
    this.changed.fire();
  }

  async ask(question: string): Promise<void> {
    if (this.isBusy) return;
    const stopping = (this.stopping = new vscode.CancellationTokenSource());
    const attached = this.attached;
    const earlier = history(this.turns);
    this.turns = [...this.turns, asked(question, attached)];
    this.attached = [];
    void this.memory.update(OPEN, this.id);
    this.changed.fire();
    try {
      const attachments = attached.map((one) => one.attachment);
      const params = {
        messages: [...earlier, { role: 'user' as const, content: question, attachments }],
        useTools: this.usesTools,
        diagnostics: diagnostics(this.connection),
        conversationId: this.id,
      };
      const answer = await ask(this.connection, params, (event) => this.hear(event), stopping.token);
      this.change((turn) => answered(turn, answer));
    } catch (error) {
      const isStopped = error instanceof vscode.CancellationError;
      this.change((turn) => (isStopped ? ended(turn, 'stopped') : ended(turn, 'failed', said(error))));
    } finally {
      stopping.dispose();
      this.stopping = undefined;
      this.changed.fire();
    }
  }

  stop(): void {
    this.stopping?.cancel();
  }

  /** Begin another conversation; this one stays in the history. */
  startNew(): void {
    if (this.isBusy) return;
    this.id = randomUUID();
    this.turns = [];
    this.isRestored = true;
    void this.memory.update(OPEN, undefined);
    this.changed.fire();
  }

  /** Show one that was kept. */
  async open(id: string): Promise<void> {
    if (this.isBusy) return;
    const kept = await keptTurns(this.connection, id);
    this.id = id;
    this.turns = kept.map(restored);
    this.isRestored = true;
    void this.memory.update(OPEN, id);
    this.changed.fire();
  }

  /** Once the server runs: show what was open when the window was closed. */
  async restore(): Promise<void> {
    if (this.isRestored || !this.connection()) return;
    this.isRestored = true;
    await this.open(this.id);
  }

  isOpen(id: string): boolean {
    return this.id === id;
  }

  dispose(): void {
    this.stop();
    this.changed.dispose();
    this.pieces.dispose();
  }

  private hear(event: ChatEvent): void {
    this.change((turn) => heard(turn, event));
    this.pieces.fire(event);
  }

  private change(work: (turn: Turn) => Turn): void {
    this.turns = this.turns.map((turn, at) => (at === this.turns.length - 1 ? work(turn) : turn));
  }
}

function said(error: unknown): string {
  return error instanceof NoAnswerError ? error.message : String(error);
}
