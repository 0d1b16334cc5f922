/**
 * One case: one pool meets one fault, in a process of its own, so that what hangs or crashes is a result and not the end
 * of the run. Started by `case_runner.ts` with an IPC channel.
 */
import { faultById } from './catalog.ts';
import { type FaultMetrics, type FaultProfile, NotApplicableError, SkippedError } from './fault.ts';
import { FaultCase } from './fault_case.ts';
import { consult } from './oracle.ts';
import { SocketWatch } from './socket_watch.ts';
import { FAULT_SUBJECTS } from './subjects/subjects.ts';

/** What the runner sends. */
export interface CaseOrder {
  readonly fault: string;
  readonly subject: string;
  readonly profile: FaultProfile;
  readonly seed: number;
  readonly serverUrl: string;
  /** Bounds on time are so many times as wide: for tests, which share the machine with others. */
  readonly timeFactor: number;
}

/** What it gets back. */
export type CaseReply =
  | {
      readonly kind: 'outcome';
      readonly metrics: FaultMetrics;
      /** What the oracle found wrong, and the error that ended the case. */
      readonly findings: readonly string[];
      /** Errors that would have ended the process. */
      readonly uncaught: readonly string[];
      readonly notes: readonly string[];
    }
  | { readonly kind: 'not-applicable' | 'skipped' | 'broken'; readonly reason: string };

const uncaught: string[] = [];
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    uncaught.push(`${event}: ${error instanceof Error ? error.message : String(error)}`);
  });
}

async function perform(order: CaseOrder): Promise<CaseReply> {
  const fault = faultById(order.fault);
  const subject = FAULT_SUBJECTS.find(({ name }) => name === order.subject);
  if (fault === undefined || subject === undefined) {
    return { kind: 'broken', reason: `No case ${order.fault} of ${order.subject}` };
  }
  const bench = new FaultCase({ ...order, subject, sockets });
  const findings: string[] = [];
  let metrics: FaultMetrics = {};
  try {
    metrics = await fault.run(bench);
  } catch (error) {
    if (error instanceof NotApplicableError || error instanceof SkippedError) {
      await bench.close().catch(() => undefined);
      const kind = error instanceof SkippedError ? 'skipped' : 'not-applicable';
      return { kind, reason: error.message };
    }
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    const where = /at .*faults\/(?:f\d\S*)/.exec(stack ?? '')?.[0] ?? '';
    findings.push(`the case ended with an error: ${message}${where === '' ? '' : ` (${where})`}`);
  }
  findings.push(...(await consult(bench)));
  // What is still connected dies with its database from here on: not the subject's doing.
  const crashes = [...uncaught];
  await bench.close();
  return { kind: 'outcome', metrics, findings, uncaught: crashes, notes: bench.notes };
}

const sockets = new SocketWatch();
let replied = false;
// The runner is gone (or wants an end): nothing may go on.
process.once('disconnect', () => {
  if (!replied) process.exit(0);
});

process.once('message', (order: CaseOrder) => {
  perform(order).then(reply, (error: unknown) =>
    reply({
      kind: 'broken',
      reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }),
  );
});

function reply(message: CaseReply): void {
  replied = true;
  // From here on the process has nothing left to do: that it ends by itself is the last question.
  process.send?.(message, () => process.disconnect());
}
