/** Whether a model can hold conversations now, in words for a person. */

import type { Phase } from '../client.ts';
import type { Status } from '../protocol.ts';
import type { Readiness, Remedy } from './page.ts';

const INSTALL: Remedy = { title: 'Install the Server', command: 'sotto.installServer' };
const RESTART: Remedy = { title: 'Restart the Server', command: 'sotto.restart' };
const CHOOSE: Remedy = { title: 'Choose a Model…', command: 'sotto.chooseModel' };
const MENU: Remedy = { title: 'Show Menu', command: 'sotto.menu' };
const ENABLED = 'sotto.chat.enabled';
const SETTING: Remedy = {
  title: 'Open the Setting',
  command: 'workbench.action.openSettings',
  arguments: [ENABLED],
};

/** `isEnabled`: by the user's settings. */
export function readiness(phase: Phase, status: Status | undefined, isEnabled = true): Readiness {
  if (!isEnabled) return unable(`Chat is turned off by the setting ${ENABLED}.`, SETTING);
  if (phase === 'absent') return unable('Sotto’s server is not installed.', INSTALL);
  if (phase === 'wrong') return unable('The setting sotto.server.path names no server.', MENU);
  if (phase === 'stopped') return unable('The server ended again and again, and is stopped.', RESTART);
  if (phase !== 'running' || !status) return { kind: 'waiting', text: 'The server is starting…' };
  if (status.state === 'failed') return unable(status.message ?? 'The model could not be loaded.', CHOOSE);
  if (status.state === 'loading') return { kind: 'waiting', text: 'The model is being loaded…' };
  // One that was unloaded for being idle is loaded by the question.
  if (!status.model) return { kind: 'ready', model: '' };
  if (status.model.supports_chat) return { kind: 'ready', model: status.model.name };
  const which = status.model.is_builtin ? 'The built-in model' : status.model.name;
  return unable(
    `${which} only completes code. Chat needs a model whose name ends in Instruct or Chat, as a GGUF file.`,
    CHOOSE,
  );
}

function unable(text: string, remedy: Remedy): Readiness {
  return { kind: 'unable', text, remedy };
}
