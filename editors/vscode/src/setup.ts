/** Finding the server with VS Code's settings, and offering to install it where there is none. */

import { readdir } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';

import { InstallError, install, installedProgram, versionInName } from './install.ts';
import { type Found, expandHome, findServer } from './server.ts';

export class Setup {
  private readonly context: vscode.ExtensionContext;
  private readonly log: vscode.LogOutputChannel;
  private readonly changed: () => void;
  isInstalling = false;
  /** The version of the server that came with the extension, if another was installed before. */
  newer: string | undefined;

  constructor(context: vscode.ExtensionContext, log: vscode.LogOutputChannel, changed: () => void) {
    this.context = context;
    this.log = log;
    this.changed = changed;
  }

  async find(): Promise<Found> {
    const installed = await installedProgram(this.folder);
    const found = await findServer({
      setting: this.setting('path'),
      searchPath: process.env['PATH'] ?? '',
      installed,
    });
    if (found.kind === 'found' && found.program === installed) await this.compare(found.version);
    return found;
  }

  /** The extension was updated since it installed the server it starts: offer the newer one. */
  private async compare(version: string): Promise<void> {
    const wheel = await this.wheel();
    const bundled = wheel && versionInName(wheel);
    this.newer = bundled !== version && !this.setting('source') ? bundled : undefined;
  }

  /** Install it with progress and a way to cancel. Resolves to whether it is there now. */
  async install(): Promise<boolean> {
    if (this.isInstalling) return false;
    this.isInstalling = true;
    this.changed();
    try {
      return await vscode.window.withProgress(
        {
          location: vscode.ProgressLocation.Notification,
          title: 'Sotto: installing the server',
          cancellable: true,
        },
        (progress, token) => this.installWith(progress, token),
      );
    } finally {
      this.isInstalling = false;
      this.changed();
    }
  }

  private async installWith(
    progress: vscode.Progress<{ message: string }>,
    token: vscode.CancellationToken,
  ): Promise<boolean> {
    const abort = new AbortController();
    token.onCancellationRequested(() => abort.abort());
    try {
      const program = await install({
        source: await this.source(),
        python: expandHome(this.setting('python')),
        folder: this.folder,
        signal: abort.signal,
        report: (line) => {
          this.log.info(`install: ${line}`);
          progress.report({ message: line.trim().slice(0, 100) });
        },
      });
      this.log.info(`installed ${program}`);
      return true;
    } catch (error) {
      if (abort.signal.aborted) {
        this.log.info('install: cancelled; nothing was kept');
      } else {
        const why = error instanceof InstallError ? error.message : String(error);
        this.log.error(`install: ${why}`);
        void this.tellFailure(why);
      }
      return false;
    }
  }

  private async tellFailure(why: string): Promise<void> {
    const message = `Sotto’s server could not be installed. ${why}`;
    const choice = await vscode.window.showErrorMessage(message, 'Show Log');
    if (choice) this.log.show();
  }

  /** The setting, or the wheel that came with the extension and fits it. */
  private async source(): Promise<string> {
    const named = this.setting('source');
    if (named) return expandHome(named);
    const wheel = await this.wheel();
    if (wheel) return wheel;
    throw new InstallError(
      'This build of the extension holds no server. Name one in the setting sotto.server.source.',
    );
  }

  private async wheel(): Promise<string | undefined> {
    const folder = vscode.Uri.joinPath(this.context.extensionUri, 'server').fsPath;
    const names: string[] = await readdir(folder).catch(() => []);
    const name = names.find((candidate) => candidate.endsWith('.whl'));
    return name && path.join(folder, name);
  }

  /** Registered with scope `machine`: a workspace's own value is not even read. */
  private setting(key: 'path' | 'source' | 'python'): string {
    const value: unknown = vscode.workspace.getConfiguration('sotto.server').get(key);
    return typeof value === 'string' ? value.trim() : '';
  }

  private get folder(): string {
    return path.join(this.context.globalStorageUri.fsPath, 'server');
  }
}
