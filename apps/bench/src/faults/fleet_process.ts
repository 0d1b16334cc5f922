/**
 * One of many processes that share a server in F21: a pool with callers. Started with an IPC channel, ended by its closing.
 */
import { Callers } from './callers.ts';
import type { FaultPoolOptions } from './fault_subject.ts';
import { SocketWatch } from './socket_watch.ts';
import { FAULT_SUBJECTS } from './subjects/subjects.ts';

/** What the case sends: first `open`, at the end `report`. */
export type FleetOrder =
  | {
      readonly kind: 'open';
      readonly subject: string;
      readonly options: FaultPoolOptions;
      readonly callers: number;
    }
  | { readonly kind: 'report' };

/** What it gets back, one for each order. Times are of the machine's clock, which the processes share. */
export type FleetReply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'failed'; readonly reason: string }
  | {
      readonly kind: 'report';
      /** When it began each connect. */
      readonly connectsAt: readonly number[];
      /** When somebody was served; one in 5 ms is enough. */
      readonly servedAt: readonly number[];
      /** Errors that end a process. */
      readonly uncaught: number;
    };

let uncaught = 0;
for (const event of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(event, () => uncaught++);

const watch = new SocketWatch();
let callers: Callers | undefined;

async function open(order: FleetOrder & { kind: 'open' }): Promise<FleetReply> {
  const subject = FAULT_SUBJECTS.find(({ name }) => name === order.subject);
  if (subject === undefined) throw new Error(`No subject ${order.subject}`);
  const pool = await subject.open(order.options);
  callers = new Callers(pool, { callers: order.callers, pauseMs: 100, betweenMs: 50 });
  return { kind: 'opened' };
}

function report(): FleetReply {
  const { timeOrigin } = performance;
  const connectsAt = watch.sockets.map(({ begunAt }) => timeOrigin + begunAt);
  const servedAt = (callers?.servedAt ?? []).map((at) => timeOrigin + at);
  return { kind: 'report', connectsAt, servedAt, uncaught };
}

process.on('message', (order: FleetOrder) => {
  const reply = order.kind === 'open' ? open(order) : Promise.resolve(report());
  void reply
    .catch((error: unknown): FleetReply => ({ kind: 'failed', reason: String(error) }))
    .then((answer) => process.send?.(answer));
});
process.once('disconnect', () => process.exit(0));
