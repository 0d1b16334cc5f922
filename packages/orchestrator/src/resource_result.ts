import type {
  OptimizationReport as ActionReport,
  ResourceOptimizationMetrics,
} from '@fynlo/resource-optimizer';
import type { LatencySummary } from './latency_histogram.ts';
import type { OpenLoopReport } from './open_loop.ts';
import type { ProcessUsage } from './process_monitor.ts';
import type { ScenarioFrame } from './run_context.ts';
import type { HostEvidence } from './saturation_policy.ts';

/** The same load, once without and once with the optimizer. */
export interface ResourcePhase {
  readonly optimizer: 'without' | 'with';
  readonly offeredPerSecond: number;
  readonly load: OpenLoopReport;
  readonly response: LatencySummary;
  /** After the burst and the pause that follows it: what an idle process keeps. */
  readonly rssAfterBurstMb: number;
  readonly rssPeakMb: number;
  /** Of the load window. */
  readonly usage: ProcessUsage;
  readonly evidence: HostEvidence;
  /** Of the last third of the load: what an optimizer has learned by then shows. */
  readonly steadyAcquires: number;
  readonly steadyConnects: number;
  readonly steadyReuse: number | null;
  readonly acquires: number;
  readonly connects: number;
  /** What the optimizer did, with the measured effect; empty without it. */
  readonly reports: readonly ActionReport[];
  /** Requests the optimizer did not admit; 0 without it. */
  readonly notAdmitted: number;
  readonly metrics: ResourceOptimizationMetrics;
}

/** One line of the comparison: `with` ÷ `without`. */
export interface ResourceComparison {
  readonly metric: string;
  readonly unit: string;
  readonly without: number | null;
  readonly with: number | null;
  readonly ratio: number | null;
}

export interface ResourceOptimizationResult extends ScenarioFrame {
  readonly name: 'resources';
  readonly settings: Readonly<Record<string, number | string>>;
  readonly phases: readonly ResourcePhase[];
  readonly comparison: readonly ResourceComparison[];
  readonly nodeOptions: {
    readonly flags: readonly string[];
    readonly why: readonly string[];
  } | null;
}
