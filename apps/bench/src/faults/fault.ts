import type { FaultCase } from './fault_case.ts';

/** `quick`: the whole catalogue in minutes. `full`: the sizes and durations that the catalogue names. */
export type FaultProfile = 'quick' | 'full';

/** What a case found. `Infinity`: it never happened while the case watched. */
export type FaultMetrics = Readonly<Record<string, number>>;

/** One line of what a pool must do. */
export interface FaultCriterion {
  /** Key of {@link FaultMetrics}. */
  readonly metric: string;
  /** What the number is, for a reader of the matrix. */
  readonly meaning: string;
  readonly unit: '' | 'ms' | 'MB' | '/s';
  readonly op: '<=' | '>=' | '==';
  readonly bound: number;
  /** Not judged where the case leaves the metric out: the pool has no way to be put to this, and a note says so. */
  readonly optional?: true;
}

/** Something that happens to a pool, and what it must do then. One file each. */
export interface Fault {
  /** Stable; pool-core's tests are named after it as well. */
  readonly id: string;
  /** What the command line may call it as well. */
  readonly name: string;
  readonly happens: string;
  readonly must: string;
  readonly criteria: readonly FaultCriterion[];
  /** When its process is ended and the verdict is `hangs`, ms. @default 25_000 */
  readonly limitMs?: Readonly<Record<FaultProfile, number>>;
  /** Flags of the Node.js process it runs in. */
  readonly nodeFlags?: readonly string[];
  /** Runs in a process of its own. An error is a failed case; {@link NotApplicableError} is not. */
  run(bench: FaultCase): Promise<FaultMetrics>;
}

/** The subject has no way to be put into this situation. */
export class NotApplicableError extends Error {
  override readonly name = 'NotApplicableError';
}

/** This machine cannot make it happen. */
export class SkippedError extends Error {
  override readonly name = 'SkippedError';
}

export function atMost(
  metric: string,
  bound: number,
  unit: FaultCriterion['unit'],
  meaning: string,
): FaultCriterion {
  return { metric, meaning, unit, op: '<=', bound };
}

export function atLeast(
  metric: string,
  bound: number,
  unit: FaultCriterion['unit'],
  meaning: string,
): FaultCriterion {
  return { metric, meaning, unit, op: '>=', bound };
}

export function exactly(metric: string, bound: number, meaning: string): FaultCriterion {
  return { metric, meaning, unit: '', op: '==', bound };
}
