import type { ScenarioFrame } from './run_context.ts';
import type { HostEvidence } from './saturation_policy.ts';

/** A quarter of a second of an episode. */
export interface RecoveryMoment {
  /** Since the fault, ms; negative before it. */
  readonly atMs: number;
  readonly successes: number;
  readonly failures: number;
  readonly poolSize: number;
}

/** One fault and what came after it. */
export interface RecoveryEpisode {
  readonly offeredPerSecond: number;
  readonly steadyPerSecond: number;
  /** From the fault until service was possible again: the outage itself, which no pool can shorten. */
  readonly outageMs: number;
  /** From then to the first success; `null`: none came. */
  readonly firstSuccessMs: number | null;
  /** From then to 90 % of the steady rate, kept up; `null`: never. */
  readonly toSteadyMs: number | null;
  /** How long it was watched from then on: what a `null` above stands for. At least the 5 s of the criterion. */
  readonly watchedMs: number;
  /** What the callers were told, by error code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly failed: number;
  /** Callers without an answer at the end. */
  readonly unfinished: number;
  readonly connects: number;
  readonly timeline: readonly RecoveryMoment[];
  readonly evidence: HostEvidence;
  readonly explanation: string;
}

export interface AutoRecoveryResult extends ScenarioFrame {
  readonly name: 'recovery';
  /** The server was killed and restarted; `null`: nobody gave the power to. */
  readonly restart: RecoveryEpisode | null;
  /** Connections fell silent; `null`: no proxy to do it. */
  readonly cut: RecoveryEpisode | null;
}
