/** The commands, and the menu that leads to them. */

import * as path from 'node:path';
import * as vscode from 'vscode';

import { SELECTOR, type Server } from './client.ts';
import { compareText } from './compare.ts';
import { asStrings, targetOf, withLanguage } from './config.ts';
import { type Action, type Situation, entries, explain, newest, tally } from './menu.ts';
import { type PauseSettings, PausedFiles, type Scope, pauseAt } from './pauses.ts';
import type { Setup } from './setup.ts';

const RECENT_MODELS = 'recentModels';
const SHOWN_REQUESTS = 20;

export class Commands implements vscode.Disposable {
  private readonly context: vscode.ExtensionContext;
  private readonly log: vscode.LogOutputChannel;
  private readonly server: Server;
  private readonly setup: Setup;
  private readonly changed: () => void;
  private readonly pausedFiles = new PausedFiles();
  private readonly registered: vscode.Disposable[];

  constructor(
    context: vscode.ExtensionContext,
    log: vscode.LogOutputChannel,
    server: Server,
    setup: Setup,
    changed: () => void,
  ) {
    this.context = context;
    this.log = log;
    this.server = server;
    this.setup = setup;
    this.changed = changed;
    const actions: Record<string, () => unknown> = {
      'sotto.menu': () => this.menu(),
      'sotto.suggest': () => vscode.commands.executeCommand('editor.action.inlineSuggest.trigger'),
      'sotto.pauseFile': () => this.run('pauseFile'),
      'sotto.pauseLanguage': () => this.run('pauseLanguage'),
      'sotto.pauseEverywhere': () => this.run('pauseEverywhere'),
      'sotto.chooseModel': () => this.run('chooseModel'),
      'sotto.why': () => this.run('why'),
      'sotto.compareText': () => this.compareText(),
      'sotto.restart': () => this.run('restart'),
      'sotto.installServer': () => this.run('install'),
      'sotto.showLog': () => this.run('showLog'),
      'sotto.walkthrough': () =>
        vscode.commands.executeCommand(
          'workbench.action.openWalkthrough',
          `${context.extension.id}#start`,
        ),
    };
    this.registered = Object.entries(actions).map(([name, action]) =>
      vscode.commands.registerCommand(name, action),
    );
  }

  dispose(): void {
    for (const command of this.registered) command.dispose();
  }

  isPaused(document: vscode.TextDocument): boolean {
    return this.pauseOf(document) !== undefined;
  }

  /** What the status bar and the menu are about. */
  situation(): Situation {
    const document = this.document();
    return {
      phase: this.server.phase,
      status: this.server.status,
      latencyMs: this.server.latencyMs,
      paused: this.pauseOf(document),
      isInstalling: this.setup.isInstalling,
      newer: this.setup.newer,
      place: document && {
        file: path.posix.basename(document.uri.path),
        language: document.languageId,
      },
    };
  }

  async run(action: Action): Promise<void> {
    switch (action) {
      case 'install':
        if (await this.setup.install()) await this.server.restart();
        return;
      case 'restart':
        return this.server.restart();
      case 'pauseFile':
        return this.togglePausedFile();
      case 'pauseLanguage':
        return this.toggleLanguage();
      case 'pauseEverywhere':
        return this.toggleEverywhere();
      case 'chooseModel':
        return this.chooseModel();
      case 'why':
        return this.why();
      case 'showLog':
        this.log.show();
        return;
      case 'settings':
        await vscode.commands.executeCommand(
          'workbench.action.openSettings',
          `@ext:${this.context.extension.id}`,
        );
    }
  }

  private async menu(): Promise<void> {
    const choice = await vscode.window.showQuickPick(entries(this.situation()), {
      title: 'Sotto',
      placeHolder: 'What shall Sotto do?',
    });
    if (choice) await this.run(choice.action);
    // The click on the status bar took the focus out of the text, to which one goes back.
    if (!choice || choice.action.startsWith('pause') || choice.action === 'restart') {
      await vscode.commands.executeCommand('workbench.action.focusActiveEditorGroup');
    }
  }

  private togglePausedFile(): void {
    const document = this.document();
    if (!document) return this.tellNoFile();
    this.pausedFiles.toggle(document.uri.toString());
    this.afterPause(this.pauseOf(document));
  }

  private async toggleLanguage(): Promise<void> {
    const document = this.document();
    if (!document) return this.tellNoFile();
    const id = document.languageId;
    const settings = this.pauseSettings();
    const listed = !settings.disabledLanguages.includes(id);
    await this.write('disabledLanguages', withLanguage(settings.disabledLanguages, id, listed));
    this.afterPause(this.pauseOf(document));
  }

  private async toggleEverywhere(): Promise<void> {
    await this.write('enabled', !this.pauseSettings().enabled);
    this.afterPause(this.pauseOf(this.document()));
  }

  /** What is on the screen was suggested before; a pause means that too. */
  private afterPause(paused: Scope | undefined): void {
    if (paused) void vscode.commands.executeCommand('editor.action.inlineSuggest.hide');
    this.changed();
  }

  private pauseOf(document: vscode.TextDocument | undefined): Scope | undefined {
    const place = document && { uri: document.uri.toString(), language: document.languageId };
    return pauseAt(place, this.pausedFiles, this.pauseSettings());
  }

  /** A closed file is not paused when it is opened again. */
  forget(document: vscode.TextDocument): void {
    const uri = document.uri.toString();
    if (this.pausedFiles.has(uri)) this.pausedFiles.toggle(uri);
  }

  private pauseSettings(): PauseSettings {
    const section = vscode.workspace.getConfiguration('sotto.inlineCompletion');
    return {
      enabled: section.get('enabled') !== false,
      disabledLanguages: asStrings(section.get('disabledLanguages')),
    };
  }

  private async write(key: 'enabled' | 'disabledLanguages', value: unknown): Promise<void> {
    const section = vscode.workspace.getConfiguration('sotto.inlineCompletion');
    const target = {
      user: vscode.ConfigurationTarget.Global,
      workspace: vscode.ConfigurationTarget.Workspace,
      workspaceFolder: vscode.ConfigurationTarget.WorkspaceFolder,
    }[targetOf(section.inspect(key))];
    await section.update(key, value, target);
  }

  private async chooseModel(): Promise<void> {
    const section = vscode.workspace.getConfiguration('sotto.model');
    const current = section.get<string>('path') ?? '';
    const recent = asStrings(this.context.globalState.get(RECENT_MODELS));
    const files = [...new Set([current, ...recent])].filter((file) => file !== '');
    const item = (label: string, file: string): vscode.QuickPickItem & { file: string } => ({
      label,
      file,
      ...(file === current && { description: 'in use' }),
      ...(file && { detail: file }),
    });
    const browse: vscode.QuickPickItem = { label: '$(folder-opened) Choose a GGUF file…' };
    const choice = await vscode.window.showQuickPick(
      [
        item('$(package) The built-in model', ''),
        ...files.map((file) => item(`$(file) ${path.basename(file)}`, file)),
        browse,
      ],
      { title: 'Sotto: the model that suggests', matchOnDetail: true },
    );
    if (!choice) return;
    const file = 'file' in choice ? choice.file : await browseForModel();
    if (file === undefined) return;
    if (file) {
      const kept = [file, ...recent.filter((other) => other !== file)].slice(0, 8);
      await this.context.globalState.update(RECENT_MODELS, kept);
    }
    // The server is told of it and loads the other model without a restart.
    await section.update('path', file || undefined, vscode.ConfigurationTarget.Global);
  }

  private async why(): Promise<void> {
    const document = this.document();
    if (!document) return this.tellNoFile();
    const all = await this.server.recentRequests();
    const records = newest(
      all,
      this.server.uriOf(document),
      SHOWN_REQUESTS,
    );
    if (!records.length) {
      const paused = this.pauseOf(document);
      const text = paused
        ? 'Suggestions are paused here; the menu in the status bar resumes them.'
        : 'No suggestion was asked for in this file yet.';
      void vscode.window.showInformationMessage(`Sotto: ${text}`);
      return;
    }
    await vscode.window.showQuickPick(records.map(explain), {
      title: `Sotto: what became of the last requests in this file (everywhere: ${tally(all)})`,
    });
  }

  private async compareText(): Promise<void> {
    const document = this.document();
    const client = this.server.connection;
    if (!document) return this.tellNoFile();
    if (client) await compareText(client, document);
  }

  private tellNoFile(): void {
    void vscode.window.showInformationMessage('Sotto: no file is open in the editor.');
  }

  /** The document in the active editor, if it is of the kind Sotto serves. */
  private document(): vscode.TextDocument | undefined {
    const document = vscode.window.activeTextEditor?.document;
    return document && vscode.languages.match(SELECTOR, document) > 0 ? document : undefined;
  }
}

async function browseForModel(): Promise<string | undefined> {
  const files = await vscode.window.showOpenDialog({
    title: 'Choose a model for Sotto',
    openLabel: 'Use This Model',
    filters: { 'Models (GGUF)': ['gguf'] },
  });
  return files?.[0]?.fsPath;
}
