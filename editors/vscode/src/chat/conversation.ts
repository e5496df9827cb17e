/** A conversation as values. The extension and its page both follow an answer with these. */

import type { Attachment, ChatAnswer, ChatEvent, KeptTurn, Message, ProposedEdit, Step, Usage } from './protocol.ts';

/** Something that goes with a question, and how a person calls it. */
export interface Attached {
  readonly title: string;
  readonly attachment: Attachment;
}

/** A tool that was used on the way to an answer. */
export interface ShownStep {
  readonly before: string;
  readonly reasoning: string;
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Undefined while it is at work. */
  readonly summary: string | undefined;
  readonly failed: boolean;
}

export interface Turn {
  readonly question: string;
  readonly attached: readonly string[];
  readonly steps: readonly ShownStep[];
  readonly reasoning: string;
  readonly answer: string;
  readonly outcome: 'running' | 'finished' | 'stopped' | 'failed';
  /** For the person: what was left out, or why there is no answer. */
  readonly notes: readonly string[];
  readonly edits: readonly ProposedEdit[];
  readonly usage: Usage | undefined;
  /** Question and answer as the next request sends them back. */
  readonly messages: readonly Message[];
}

export function asked(question: string, attached: readonly Attached[]): Turn {
  return {
    question,
    attached: attached.map((one) => one.title),
    steps: [],
    reasoning: '',
    answer: '',
    outcome: 'running',
    notes: [],
    edits: [],
    usage: undefined,
    messages: [{ role: 'user', content: question }],
  };
}

/** The turn after a piece of its answer has come. */
export function heard(turn: Turn, event: ChatEvent): Turn {
  switch (event.kind) {
    case 'context':
      return { ...turn, attached: event.titles };
    case 'reasoning':
      return { ...turn, reasoning: turn.reasoning + event.text };
    case 'text':
      return { ...turn, answer: turn.answer + event.text };
    case 'step': {
      const step: ShownStep = {
        before: turn.answer,
        reasoning: turn.reasoning,
        tool: event.tool,
        arguments: event.arguments,
        summary: undefined,
        failed: false,
      };
      return { ...turn, steps: [...turn.steps, step], answer: '', reasoning: '' };
    }
    case 'stepEnd': {
      const { summary, failed } = event;
      const last = turn.steps.at(-1);
      if (!last) return turn;
      return { ...turn, steps: [...turn.steps.slice(0, -1), { ...last, summary, failed }] };
    }
  }
}

/** The turn with its whole answer. */
export function answered(turn: Turn, answer: ChatAnswer): Turn {
  return {
    ...turn,
    reasoning: answer.reasoning || turn.reasoning,
    answer: answer.content,
    outcome: 'finished',
    notes: [...answer.notes, ...ending(answer)],
    edits: answer.edits,
    usage: answer.usage,
    messages: [
      { role: 'user', content: turn.question, context: answer.context },
      { role: 'assistant', content: answer.content, steps: answer.steps },
    ],
  };
}

function ending(answer: ChatAnswer): string[] {
  if (answer.finish_reason === 'length') return ['The answer was cut off: it has reached its most tokens.'];
  if (answer.finish_reason === 'step-budget') return ['The model has used up its steps.'];
  return [];
}

/** The turn when nothing more comes. What has come is sent back with the next question. */
export function ended(turn: Turn, outcome: 'stopped' | 'failed', note?: string): Turn {
  const said: Message[] = turn.answer ? [{ role: 'assistant', content: turn.answer }] : [];
  return {
    ...turn,
    outcome,
    notes: note ? [note] : [],
    messages: [{ role: 'user', content: turn.question }, ...said],
  };
}

/** A turn as the server has kept it. */
export function restored(kept: KeptTurn): Turn {
  const { question, answer } = kept;
  return {
    ...asked(question.content, []),
    attached: [...(question.context ?? '').matchAll(/^(.+):\n`{3}/gm)].map((match) => match[1] ?? ''),
    steps: (answer?.steps ?? []).map(shown),
    reasoning: kept.reasoning,
    answer: answer?.content ?? '',
    outcome: kept.outcome === 'pending' ? 'stopped' : kept.outcome,
    messages: [question, ...(answer ? [answer] : [])],
  };
}

function shown(step: Step): ShownStep {
  const summary = step.result.split('\n', 1)[0] ?? '';
  return { ...step, before: step.content, reasoning: '', summary: summary.slice(0, 200) };
}

/**
 * The messages of a request: the conversation, then the question. A question that was never answered
 * is left out, as one message of each side follows the other.
 */
export function history(turns: readonly Turn[]): Message[] {
  return turns.flatMap((turn) => (turn.messages.length > 1 ? turn.messages : []));
}
