import type {
  ConnectionPoolMetrics,
  DurationSummary,
  ScalingEvent,
} from '@fynlo/pool-core/contract';
import type { LatencyBucket, LatencySummary } from './latency_histogram.ts';
import type { OpenLoopReport } from './open_loop.ts';
import type { ProcessUsage } from './process_monitor.ts';
import type { ScalingLevel } from './profile.ts';
import type { Range } from './range_of.ts';
import type { ScenarioFrame } from './run_context.ts';
import type { HostEvidence } from './saturation_policy.ts';
import type { LevelFollowing, ScalingQuality } from './scaling_quality_policy.ts';

/** One load level as it went. */
export interface ScalingLevelResult {
  readonly level: ScalingLevel;
  readonly offeredPerSecond: number;
  /** From asking for a connection to the answer of a one-row indexed select on it; the p95 of this decides. */
  readonly response: LatencySummary;
  readonly responseP95Ci95: readonly [number, number] | null;
  /** The same from the moment the schedule wanted it to start: the generator's lag included. */
  readonly responseFromIntended: LatencySummary;
  readonly acquireWait: LatencySummary;
  readonly query: LatencySummary;
  readonly held: LatencySummary;
  readonly distribution: readonly LatencyBucket[];
  readonly load: OpenLoopReport;
  /** Of the judged window: */
  readonly attempted: number;
  readonly succeeded: number;
  readonly utilization: Range | null;
  readonly size: Range | null;
  readonly serverConnections: Range | null;
  readonly serverInTransaction: Range | null;
  readonly connects: number;
  readonly acquires: number;
  readonly directionChanges: number;
  /** Of the whole level, its ramp and its peak included: how the pool followed. */
  readonly following: LevelFollowing | null;
  readonly usage: ProcessUsage;
  readonly evidence: HostEvidence;
  /** The pool's own sample at the end of the judged window. */
  readonly metrics: ConnectionPoolMetrics;
}

/** What the pool did once the load was off. */
export interface ShrinkResult {
  readonly fromSize: number;
  readonly toSize: number;
  readonly toServerConnections: number | null;
  /** From the last commit to the minimum; `null`: not within the deadline. */
  readonly tookMs: number | null;
  readonly deadlineMs: number;
}

export interface DynamicPoolScalingResult extends ScenarioFrame {
  readonly name: 'scaling';
  /** What differs from the defaults, and why it is allowed to: stated, so that a reader can repeat it. */
  readonly settings: Readonly<Record<string, number | string>>;
  readonly levels: readonly ScalingLevelResult[];
  readonly shrink: ShrinkResult | null;
  readonly quality: ScalingQuality | null;
  /** Every decision of the pool about its size, with reason and inputs, in order. */
  readonly scalingEvents: readonly ScalingEvent[];
  /** Connections opened beyond the largest number ever leased at once. */
  readonly connectsWasted: number;
  readonly totalConnects: number;
  readonly connectMs: DurationSummary;
  readonly explanation: string;
}
