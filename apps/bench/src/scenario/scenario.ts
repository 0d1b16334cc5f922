import type { LatencyBucket } from '@fynlo/orchestrator/measurement';
import type { MetricName, Metrics } from '../measure/metric.ts';

/** The package whose claim a scenario tests. */
export type ScenarioGroup = 'pool' | 'cache' | 'guard' | 'start';

/** What a scenario wants running before its rounds. */
export type ServerNeed = 'postgres' | 'redis';

/** The parameters a scenario may be run with; a flag of the command line overrides the scenario's own value. */
export interface Params {
  /** Callers in flight (closed loop). */
  readonly callers: number;
  /** Connections the subjects may open. */
  readonly connections: number;
  readonly warmupMs: number;
  readonly durationMs: number;
  /** Operations per second; set, the load is an open loop, and no other. */
  readonly ratePerSecond?: number;
  /** Operations per second of the open loop that follows the closed one in each round; absent, none does. */
  readonly openRatePerSecond?: number;
}

/** A part of its load that a scenario lets the command line change; `rate` is that it is an open or a closed loop. */
export type LoadPart = 'callers' | 'connections' | 'duration' | 'warmup' | 'rate';

/** One line of a verdict: a number of ours against a fixed bound, or against a peer's in the same run. */
export interface Criterion {
  readonly metric: MetricName;
  readonly subject: string;
  /** With a peer, `bound` is on the ratio subject / peer; without, on the metric itself. */
  readonly peer?: string;
  readonly op: '<=' | '>=' | '==';
  readonly bound: number;
}

/** What one round is run with, in a process of its own. */
export interface RoundContext {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly params: Params;
  /** Of this round; the same for all subjects of the round. */
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** What one round found. */
export interface RoundOutcome {
  readonly metrics: Metrics;
  /** The response times behind the percentiles. */
  readonly histogram?: readonly LatencyBucket[];
  /** Those of the open loop after the closed one. */
  readonly openHistogram?: readonly LatencyBucket[];
  /** Anything worth keeping beside the numbers. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** One way to do the scenario's work: a pool, a cache, a setting of one. */
export interface Subject {
  /** What `--pool` and the tables call it. */
  readonly name: string;
  /** The library's settings that matter, as the output states them. */
  readonly settings: string;
  /** Set while the product lacks what this subject is about: shown as such, and counted as not met. */
  readonly notBuilt?: string;
  /** Runs in a fresh process; throws when it cannot do the scenario's work. */
  round(context: RoundContext): Promise<RoundOutcome>;
}

/** A question, how it is asked, and the target its answer is held against. One file each. */
export interface Scenario {
  /** The row of the target table it answers, e.g. `P6`. */
  readonly id: string;
  /** What the command line may call it as well, e.g. `pool-query`. */
  readonly name: string;
  readonly group: ScenarioGroup;
  /** A sentence with a question mark; printed in every report. */
  readonly question: string;
  /** The target in words, as the table prints it. */
  readonly target: string;
  readonly needs: readonly ServerNeed[];
  readonly params: Params;
  /** Why its load has the loops and the rate that it has, of one that the command line can change (`--rate`, `--closed`). */
  readonly loop?: string;
  /** What of its load flags may change: what its rounds read. @default all of it */
  readonly takes?: readonly LoadPart[];
  /** Rounds of each subject, at least 5 for a verdict; what is shown of fewer says so. */
  readonly rounds: number;
  /** Rounds in the whole table, where a round is too long for as many. */
  readonly tableRounds?: number;
  readonly criteria: readonly Criterion[];
  readonly subjects: readonly Subject[];
  /** What a round of a subject takes, where that is not its warm-up and duration, ms as measured: a run says how long it takes. */
  readonly roundMs?: (params: Params, subject: string) => number;
  /** When a round is given up, where that is not a minute after its warm-up and duration, ms. */
  readonly limitMs?: number;
  /** Flags of the Node.js process a round runs in. */
  readonly nodeFlags?: readonly string[];
  /** Prepares the servers once, before the first round; runs in the parent. */
  setup?(servers: { readonly databaseUrl: string; readonly redisUrl: string }): Promise<void>;
}
