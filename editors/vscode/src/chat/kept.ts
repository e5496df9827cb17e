/** The list of conversations that were kept, as VS Code's own quick pick. */

import * as vscode from 'vscode';

import { type Connection, NoAnswerError, conversations, deleteConversation } from './asking.ts';
import type { ConversationInfo } from './protocol.ts';
import type { ChatSession } from './session.ts';

type Item = vscode.QuickPickItem & { readonly id: string };

const DELETE: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon('trash'),
  tooltip: 'Delete this conversation',
};

/** Let the user open or delete one. */
export async function showKept(connection: Connection, session: ChatSession): Promise<void> {
  const pick = vscode.window.createQuickPick<Item>();
  pick.title = 'Sotto: conversations in this folder';
  pick.placeholder = 'Open a conversation';
  const fill = async (): Promise<void> => {
    pick.items = (await conversations(connection)).map(item);
  };
  try {
    await fill();
  } catch (error) {
    pick.dispose();
    if (!(error instanceof NoAnswerError)) throw error;
    void vscode.window.showWarningMessage(error.message);
    return;
  }
  pick.onDidTriggerItemButton(async ({ item: { id } }) => {
    await deleteConversation(connection, id);
    if (session.isOpen(id)) session.startNew();
    await fill();
  });
  pick.onDidAccept(async () => {
    const [chosen] = pick.selectedItems;
    pick.hide();
    if (chosen) await session.open(chosen.id);
  });
  pick.onDidHide(() => pick.dispose());
  pick.show();
}

function item(info: ConversationInfo): Item {
  const turns = info.n_turns === 1 ? '1 question' : `${info.n_turns} questions`;
  return {
    id: info.conversation_id,
    label: info.title,
    description: `${turns}, ${new Date(info.updated).toLocaleString()}`,
    buttons: [DELETE],
  };
}
