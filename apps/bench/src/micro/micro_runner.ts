import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { seededRandom } from '@fynlo/orchestrator/measurement';
import type { MicroOrder, MicroReply } from './micro_process.ts';
import type { MicroSuite } from './micro_suite.ts';
import type { MicroTiming } from './time_cases.ts';

export interface MicroRun {
  readonly processes: number;
  readonly maxSeconds: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  onProcess?(done: number): void;
}

/**
 * Times a suite in several fresh processes, each in another order: within one process the cases share a heap and a
 * compiler, and what ran first changes what runs next.
 *
 * @throws Error when a case threw or did not do its work: then there is no result at all
 */
export async function runMicroSuite(suite: MicroSuite, run: MicroRun): Promise<MicroTiming[][]> {
  const random = seededRandom(run.seed);
  const results: MicroTiming[][] = [];
  for (let i = 0; i < run.processes; i++) {
    const cases = shuffled(
      suite.cases.map(({ name }) => name),
      random,
    );
    results.push(
      await oneProcess({ suite: suite.name, cases, maxSeconds: run.maxSeconds }, run.signal),
    );
    run.onProcess?.(i + 1);
  }
  return results;
}

function oneProcess(order: MicroOrder, signal: AbortSignal): Promise<MicroTiming[]> {
  const entry = createRequire(import.meta.url).resolve('@fynlo/bench/micro-process');
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = fork(entry, [], { detached: true, execArgv: [] });
    const onAbort = (): void => {
      child.kill('SIGKILL');
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    // Warm-up and measuring of each case, and a minute: a case that hangs must not hang the run.
    const limitMs = 2000 * order.maxSeconds * order.cases.length + 60_000;
    const deadline = setTimeout(() => {
      reject(new Error(`${order.suite}: no result within ${limitMs / 1000} s`));
      child.kill('SIGKILL');
    }, limitMs);
    child.once('message', (reply: MicroReply) => {
      if (reply.kind === 'timings') resolve([...reply.timings]);
      else reject(new Error(`${order.suite}: ${reply.message}`));
    });
    child.once('error', reject);
    child.once('exit', (code, killedBy) => {
      clearTimeout(deadline);
      signal.removeEventListener('abort', onAbort);
      reject(new Error(`${order.suite}: its process ended with ${killedBy ?? code}`));
    });
    child.send(order);
  });
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}
