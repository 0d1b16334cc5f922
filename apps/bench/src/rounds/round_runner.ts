import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { loadMs } from '../scenario/open_part.ts';
import type { Scenario, Subject } from '../scenario/scenario.ts';
import type { RoundOrder, RoundReply } from './round_process.ts';

/** A round that failed: its subject threw, its process died, or it did not end in time. Never counted as a result. */
export class RoundFailedError extends Error {
  override readonly name = 'RoundFailedError';
  readonly scenario: string;
  readonly subject: string;

  constructor(scenario: string, subject: string, why: string, options?: ErrorOptions) {
    super(`Round of ${subject} in ${scenario} failed: ${why}`, options);
    this.scenario = scenario;
    this.subject = subject;
  }
}

/** A round may take this much longer than its load before its process is ended. */
const GRACE_MS = 60_000;

/** A round that is to end may take this long to clean up (a fresh clone has many files) before its process is ended. */
const CLEAN_UP_MS = 10_000;

/** The entry point of a round, found by the package's own `exports`: it must be the build, wherever this file is. */
function builtEntry(): string {
  return createRequire(import.meta.url).resolve('@fynlo/bench/round-process');
}

/** Runs one round in a fresh process and returns its reply. Rejects with the signal's reason when aborted. */
export function runRound(
  scenario: Scenario,
  subject: Subject,
  context: RoundOrder['context'],
  signal: AbortSignal,
  entry: string = builtEntry(),
): Promise<Extract<RoundReply, { kind: 'outcome' }>['outcome']> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = fork(entry, [], {
      execArgv: [...(scenario.nodeFlags ?? [])],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Its own group: a Ctrl-C reaches the runner alone, which ends the round in order.
      detached: true,
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-4000);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);

    const fail = (why: string, cause?: unknown): void =>
      settle(() =>
        reject(new RoundFailedError(scenario.id, subject.name, why, cause ? { cause } : undefined)),
      );
    const limitMs = scenario.limitMs ?? loadMs(context.params) + GRACE_MS;
    // Set once the round is to end before it is done: what comes of it then, a reply or an exit, is its end.
    let early: (() => void) | undefined;
    let cleanUp: NodeJS.Timeout | undefined;
    function endEarly(act: () => void): void {
      early ??= act;
      child.kill('SIGTERM');
      cleanUp ??= setTimeout(() => settle(act), CLEAN_UP_MS);
    }
    const deadline = setTimeout(() => {
      const message = `no result within ${limitMs / 1000} s\n${output}`;
      endEarly(() => reject(new RoundFailedError(scenario.id, subject.name, message)));
    }, limitMs);
    const onAbort = (): void => endEarly(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });

    function settle(act: () => void): void {
      clearTimeout(deadline);
      clearTimeout(cleanUp);
      signal.removeEventListener('abort', onAbort);
      endGroup(child);
      (early ?? act)();
    }

    child.once('message', (reply: RoundReply) => {
      if (reply.kind === 'outcome') settle(() => resolve(reply.outcome));
      else fail(`${reply.message}\n${reply.stack}`);
    });
    child.once('error', (error) => fail(error.message, error));
    child.once('exit', (code, killedBy) => {
      if (child.connected || code !== 0)
        fail(`its process ended with ${killedBy ?? code}\n${output}`);
    });
    child.send({ scenario: scenario.id, subject: subject.name, context } satisfies RoundOrder);
  });
}

/** Ends the process and what it has started: they are one group. */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
