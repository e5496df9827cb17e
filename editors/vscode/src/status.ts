/** The item in the status bar. */

import * as vscode from 'vscode';

import { type Situation, look } from './menu.ts';

const BACKGROUND = {
  none: undefined,
  warning: new vscode.ThemeColor('statusBarItem.warningBackground'),
  error: new vscode.ThemeColor('statusBarItem.errorBackground'),
};

export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem(
    'status',
    vscode.StatusBarAlignment.Right,
    100,
  );

  constructor() {
    this.item.name = 'Sotto';
    this.item.command = 'sotto.menu';
    this.item.show();
  }

  show(situation: Situation): void {
    const { text, tooltip, severity } = look(situation);
    this.item.text = text;
    this.item.tooltip = tooltip;
    this.item.backgroundColor = BACKGROUND[severity];
  }

  dispose(): void {
    this.item.dispose();
  }
}
