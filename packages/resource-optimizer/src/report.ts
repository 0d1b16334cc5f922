/** What is being optimised. */
export type OptimizationTarget = 'memory' | 'cpu' | 'network' | 'gc';

/** The unit of an action's `before` and `after`. */
export type ActionUnit = 'bytes' | 'connections' | 'operations' | 'share' | 'ms';

/** One thing done, or not done, and why. */
export interface OptimizationAction {
  readonly name: string;
  /** False: nothing was changed, and `reason` says why not. */
  readonly applied: boolean;
  readonly reason: string;
  /** Measured just before. */
  readonly before: number;
  /** Measured after it took effect. */
  readonly after: number;
  readonly unit: ActionUnit;
  /** How long it kept the program busy or waiting, in ms. */
  readonly costMs: number;
  /** What the one who acted says it freed, in bytes; a claim beside the measurement. */
  readonly claimedBytes?: number;
}

/** Something that only people can do, such as restarting with a flag. */
export interface OptimizationAdvice {
  readonly setting: string;
  readonly why: string;
}

/** What one `optimize…` call did. Advice is apart: it had no effect. */
export interface OptimizationReport {
  readonly target: OptimizationTarget;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly actions: readonly OptimizationAction[];
  readonly advice: readonly OptimizationAdvice[];
}

/** An action that changed nothing: before and after are the same reading. */
export function noAction(
  name: string,
  reason: string,
  value: number,
  unit: ActionUnit,
): OptimizationAction {
  return { name, applied: false, reason, before: value, after: value, unit, costMs: 0 };
}
