import type { CacheOptimizationResult } from './cache_result.ts';
import type { Criterion, Verdict } from './criterion.ts';
import type { EnvironmentReport } from './environment_report.ts';
import type { MemoryManagementResult } from './memory_result.ts';
import type { ProfileName } from './profile.ts';
import type { AutoRecoveryResult } from './recovery_result.ts';
import type { ResourceOptimizationResult } from './resource_result.ts';
import type { DynamicPoolScalingResult } from './scaling_result.ts';

/** The scenarios that ran; `null`: did not. */
export interface ScenarioResults {
  readonly scaling: DynamicPoolScalingResult | null;
  readonly resources: ResourceOptimizationResult | null;
  readonly cache: CacheOptimizationResult | null;
  readonly memory: MemoryManagementResult | null;
  readonly recovery: AutoRecoveryResult | null;
}

/** Everything that was measured so far. */
export interface OptimizationRun {
  readonly profile: ProfileName;
  readonly seed: number;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
  readonly tookMs: number;
  /** Whether the run was cut short; then its criteria are of the scenarios that were finished. */
  readonly partial: boolean;
  readonly partialReason: string | null;
  readonly environment: EnvironmentReport;
  readonly scenarios: ScenarioResults;
  readonly criteria: readonly Criterion[];
  readonly verdict: Verdict;
}
