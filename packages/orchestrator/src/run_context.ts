import type { HostLimits } from './_host_limits.ts';
import type { WorkloadTable } from './_workload_table.ts';
import type { ProxyControl, ServerControl } from './capabilities.ts';
import type { HistoryRecorder } from './history_recorder.ts';
import type { Profile } from './profile.ts';
import type { ScenarioName } from './scenario.ts';

/** What every scenario gets. */
export interface RunContext {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly profile: Profile;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly limits: HostLimits;
  readonly table: WorkloadTable;
  readonly recorder: HistoryRecorder;
  readonly sampleIntervalMs: number;
  readonly serverControl: ServerControl | undefined;
  readonly proxyControl: ProxyControl | undefined;
  /** `fraction` of this scenario, 0..1. */
  progress(scenario: ScenarioName, fraction: number, message: string): void;
}

/** What every scenario gives back, besides its own numbers. */
export interface ScenarioFrame {
  readonly name: ScenarioName;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
  readonly tookMs: number;
  /** Whether it was cut short; its criteria are then not judged. */
  readonly partial: boolean;
}
