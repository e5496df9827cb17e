/** One server and the client that speaks with it: started, stopped, and started again when it dies. */

import type { ChildProcess } from 'node:child_process';
import * as vscode from 'vscode';
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  type LanguageClientOptions,
} from 'vscode-languageclient/node';

import { asStrings, forServer } from './config.ts';
import { onLines } from './install.ts';
import { logServerLine } from './log.ts';
import { RECENT_REQUESTS, type RequestRecord, STATUS, type Status } from './protocol.ts';
import { Backoff, OneAtATime } from './restart.ts';
import { type Found, startServer } from './server.ts';

/**
 * `idle`: nothing has needed it yet. `absent`: no program is found. `wrong`: the setting names none.
 * `waiting`: it died and will be started again. `stopped`: it died too often.
 */
export type Phase = 'idle' | 'absent' | 'wrong' | 'starting' | 'running' | 'waiting' | 'stopped';

export interface Host {
  readonly log: vscode.LogOutputChannel;
  find(): Promise<Found>;
  isPaused(document: vscode.TextDocument): boolean;
  /** Put before the user's eyes, at most once for each occurrence. */
  onAbsent(): void;
  onWrong(problem: string): void;
  onCrash(problem: string, waitMs: number | undefined): void;
}

/** It answers before it loads a model; this is for a machine that is busy with everything else. */
const START_TIMEOUT_MS = 90_000;

export const SELECTOR = [{ scheme: 'file' }, { scheme: 'untitled' }];

/** VS Code's own client puts every trouble into a message of its own; ours say what can be done. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

export class Server implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;

  private readonly host: Host;
  private readonly backoff = new Backoff();
  private readonly starts = new OneAtATime(() => this.startAnew());
  private client: QuietClient | undefined;
  private child: ChildProcess | undefined;
  private timer: NodeJS.Timeout | undefined;
  private lastLine = '';
  private isDisposed = false;

  phase: Phase = 'idle';
  status: Status | undefined;
  /** From VS Code's question to its answer, of the last suggestion that was given. */
  latencyMs: number | undefined;

  constructor(host: Host) {
    this.host = host;
  }

  /** Start it, or end it and start it again. Asked for while that runs, it is done once more. */
  restart(): Promise<void> {
    this.backoff.reset();
    clearTimeout(this.timer);
    return this.starts.run();
  }

  async recentRequests(): Promise<readonly RequestRecord[]> {
    return (await this.connection?.sendRequest<RequestRecord[]>(RECENT_REQUESTS)) ?? [];
  }

  /** The client, while it can be asked. */
  get connection(): LanguageClient | undefined {
    return this.phase === 'running' ? this.client : undefined;
  }

  /** The document's name on the wire, as in the records. */
  uriOf(document: vscode.TextDocument): string {
    return this.client?.code2ProtocolConverter.asUri(document.uri) ?? document.uri.toString();
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    const { client, child } = this;
    this.client = undefined;
    this.child = undefined;
    this.status = undefined;
    this.latencyMs = undefined;
    try {
      await client?.dispose();
    } catch {
      // It was not running, or did not answer in time.
    }
    if (child && child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }

  async dispose(): Promise<void> {
    this.isDisposed = true;
    await this.stop();
    this.changed.dispose();
  }

  private async startAnew(): Promise<void> {
    await this.stop();
    if (this.isDisposed) return;
    this.enter('starting');
    const found = await this.host.find();
    if (found.kind === 'absent') {
      this.enter('absent');
      this.host.onAbsent();
    } else if (found.kind === 'wrong') {
      this.host.log.error(found.problem);
      this.enter('wrong');
      this.host.onWrong(found.problem);
    } else {
      this.host.log.info(`starting ${found.program}, version ${found.version}`);
      await this.startProgram(found.program);
    }
  }

  private async startProgram(program: string): Promise<void> {
    const startedAt = Date.now();
    this.lastLine = '';
    const client: QuietClient = new QuietClient(
      'sotto',
      'Sotto',
      () => this.spawn(program),
      this.clientOptions(() => this.onClosed(client, startedAt)),
    );
    this.client = client;
    client.onNotification(STATUS, (status: Status) => this.onStatus(client, status));
    const patience = setTimeout(() => this.child?.kill('SIGKILL'), START_TIMEOUT_MS);
    try {
      await client.start();
    } catch (error) {
      this.host.log.error(`the server did not start: ${String(error)}`);
      this.lastLine ||= String(error);
      this.onClosed(client, startedAt);
      return;
    } finally {
      clearTimeout(patience);
    }
    if (this.client !== client) return;
    this.enter('running');
    try {
      this.onStatus(client, await client.sendRequest<Status>(STATUS));
    } catch (error) {
      this.host.log.warn(`no answer to ${STATUS}: ${String(error)}`);
    }
  }

  private async spawn(program: string): Promise<ChildProcess> {
    const child = await startServer(program);
    this.child = child;
    child.once('exit', (code, signal) => {
      this.host.log.info(`the server ended (${signal ?? `status ${code}`})`);
    });
    return child;
  }

  private clientOptions(onClosed: () => void): LanguageClientOptions {
    return {
      documentSelector: SELECTOR,
      outputChannel: this.host.log,
      // The server takes these from nowhere else; their scope keeps a workspace from setting them.
      initializationOptions: () => ({
        chat: {
          allowedCommands: asStrings(
            vscode.workspace.getConfiguration('sotto.chat').get('allowedCommands'),
          ),
        },
        actions: { custom: vscode.workspace.getConfiguration('sotto.actions').get('custom') ?? [] },
      }),
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => {
          onClosed();
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
      stdioOptions: {
        stdout: () => undefined,
        stderr: (stream) =>
          onLines(stream, (line) => {
            this.lastLine = line || this.lastLine;
            logServerLine(this.host.log, line);
          }),
      },
      middleware: {
        workspace: {
          configuration: async (params, token, next) => {
            const sections = await next(params, token);
            return Array.isArray(sections) ? sections.map(forServer) : sections;
          },
        },
        provideInlineCompletionItems: async (document, position, context, token, next) => {
          if (this.host.isPaused(document)) return undefined;
          const askedAt = performance.now();
          const answer = await next(document, position, context, token);
          const items = Array.isArray(answer) ? answer : answer?.items;
          if (items?.length && !token.isCancellationRequested) {
            this.latencyMs = performance.now() - askedAt;
            this.changed.fire();
          }
          return answer;
        },
      },
    };
  }

  /** The server has gone, and nobody asked it to. Called once or twice for one death. */
  private onClosed(client: QuietClient, startedAt: number): void {
    if (this.client !== client || this.isDisposed) return;
    this.client = undefined;
    this.child?.kill('SIGKILL');
    const problem = this.lastLine || 'It said nothing.';
    const waitMs = this.backoff.afterCrash(Date.now() - startedAt);
    this.status = undefined;
    this.enter(waitMs === undefined ? 'stopped' : 'waiting');
    if (waitMs === undefined || this.backoff.isFirst) this.host.onCrash(problem, waitMs);
    if (waitMs === undefined) return;
    this.host.log.warn(`the server is started again in ${waitMs / 1000} s`);
    this.timer = setTimeout(() => void this.starts.run(), waitMs);
    // The client is still busy with the closing of its connection.
    setTimeout(() => client.dispose().catch(() => undefined), 0);
  }

  private onStatus(client: QuietClient, status: Status): void {
    if (this.client !== client) return;
    this.status = status;
    this.changed.fire();
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    void vscode.commands.executeCommand('setContext', 'sotto.running', phase === 'running');
    if (!this.isDisposed) this.changed.fire();
  }
}
