/**
 * One round: one subject does a scenario's work once, in a process of its own, so that neither the heap nor the
 * compiled code of another subject is in its way. Started by `round_runner.ts` with an IPC channel.
 */
import { getEventListeners } from 'node:events';
import { scenarioById } from '../scenario/catalog.ts';
import type { RoundContext, RoundOutcome } from '../scenario/scenario.ts';

/** What the runner sends. */
export interface RoundOrder {
  readonly scenario: string;
  readonly subject: string;
  readonly context: Omit<RoundContext, 'signal'>;
}

/** What it gets back. */
export type RoundReply =
  | { readonly kind: 'outcome'; readonly outcome: RoundOutcome }
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string };

async function perform(order: RoundOrder, signal: AbortSignal): Promise<RoundOutcome> {
  const scenario = scenarioById(order.scenario);
  const subject = scenario?.subjects.find(({ name }) => name === order.subject);
  if (subject === undefined) throw new Error(`No subject ${order.subject} in ${order.scenario}`);
  return subject.round({ ...order.context, signal });
}

const controller = new AbortController();
// The runner is gone (or wants an end): nothing may go on loading a server nobody measures.
process.once('disconnect', () => process.exit(0));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // A subject that does not listen would go on measuring.
    if (getEventListeners(controller.signal, 'abort').length === 0) process.exit(1);
    controller.abort();
  });
}

process.once('message', (order: RoundOrder) => {
  perform(order, controller.signal).then(
    (outcome) => reply({ kind: 'outcome', outcome }),
    (error: unknown) => {
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      reply({ kind: 'failed', message, stack: stack ?? message });
    },
  );
});

function reply(message: RoundReply): void {
  // A subject may leave handles open; the round is over all the same once its reply is out.
  process.send?.(message, () => process.exit(0));
}
