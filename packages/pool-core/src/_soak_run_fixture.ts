/**
 * A soak: faults strike while callers work, and after each all must be well. Whatever goes wrong says how to have it again.
 *
 * @module
 */
import type { SoakBank } from './_soak_bank_fixture.ts';
import { type Fault, faultsOf } from './_soak_plan_fixture.ts';

/** After a fault is over: the first commit, and all those before the next fault, ms. */
const RECOVERY_MS = 6_000;
const CALM_MS = 20_000;
/** Those that every run has, however slow the machine. */
const AT_LEAST = 4;
/** So many of the last faults are told of. */
const TOLD = 20;

export interface SoakRun {
  readonly seed: number;
  readonly bank: Pick<SoakBank, 'reach' | 'tally'>;
  /** No fault begins after this time, but for the first few. */
  readonly seconds: number;
  /** So many faults instead, however long they take. */
  readonly faults?: number | undefined;
  /** The tests of the file that are to run again, by their name. */
  readonly named: string;
  /** Carries out a fault, to its end. */
  inflict(fault: Fault): Promise<void>;
  /** What must hold when callers are served again. */
  check(): Promise<void>;
  /** What must hold in the end. */
  end(): Promise<void>;
}

/** @returns the faults that struck, the last ones at least, each with the commits that had been before it */
export async function runSoak(run: SoakRun): Promise<string[]> {
  const { seed, bank, seconds, faults } = run;
  const told: string[] = [];
  const endAt = performance.now() + seconds * 1_000;
  const isOver = (): boolean =>
    faults === undefined ? struck >= AT_LEAST && performance.now() > endAt : struck >= faults;
  let struck = 0;
  try {
    for (const { afterCommits, fault } of faultsOf(seed)) {
      if (isOver()) break;
      await committed(bank, afterCommits, CALM_MS);
      struck++;
      told.push(`${afterCommits} commits, then ${JSON.stringify(fault)}`);
      if (told.length > TOLD) told.shift();
      await run.inflict(fault);
      await committed(bank, 1, RECOVERY_MS);
      await run.check();
    }
    await run.end();
    return told;
  } catch (error) {
    const message = `${(error as Error).message}
The last of ${struck} faults:
${told.join('\n')}
The same callers' transfers and the same faults again:
FYNLO_SEED=${seed} FYNLO_SOAK_FAULTS=${struck} vitest run packages/pool-core/src/soak_test.ts -t '${run.named}'`;
    throw new Error(message, { cause: error });
  }
}

async function committed(bank: SoakRun['bank'], more: number, withinMs: number): Promise<void> {
  const wanted = bank.tally.committed + more;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `No ${more} transfers were committed within ${withinMs} ms`;
    timer = setTimeout(() => reject(new Error(message)), withinMs);
  });
  await Promise.race([bank.reach(wanted), late]).finally(() => clearTimeout(timer));
}
