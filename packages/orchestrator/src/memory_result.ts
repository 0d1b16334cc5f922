import type {
  Culprit,
  LeakedLease,
  LostObject,
  MemoryStats,
  MemoryVerdict,
  PreventionAction,
} from '@fynlo/leak-guard';
import type { ScenarioFrame } from './run_context.ts';

/** A load without any leak, watched by the same guards. */
export interface HealthyPhase {
  readonly checkouts: number;
  readonly failed: number;
  /** Alarms of any kind: each is a false one. */
  readonly alarms: readonly string[];
  readonly verdict: MemoryVerdict;
}

/** Leases dropped on purpose, and leases held on purpose. */
export interface LeasePhase {
  readonly dropped: number;
  /** Of these, with a transaction open and a row locked. */
  readonly droppedInTransaction: number;
  readonly found: number;
  /** Found, with the file and line of the acquire. */
  readonly named: number;
  /** Found, and their connection taken back. */
  readonly reclaimed: number;
  /** Connections the pool still counts as leased, less those held on purpose: what is lost for good. */
  readonly stillLost: number;
  /** From the drop of the last one to the last reclaim, ms. */
  readonly tookMs: number;
  /** Row locks of the dropped transactions that another session could take afterwards. */
  readonly locksFreed: number;
  readonly held: number;
  /** Of the leases held on purpose, those that still worked afterwards. */
  readonly heldStillWorking: number;
  /** Of the leases held on purpose, those called leaked. */
  readonly heldCalledLeaked: number;
  readonly leaks: readonly LeakedLease[];
}

/** Tracked objects that were dropped without being closed. */
export interface ObjectPhase {
  readonly dropped: number;
  readonly found: number;
  readonly closed: number;
  readonly lost: readonly LostObject[];
}

/** Memory that only grows. */
export interface GrowthPhase {
  readonly grownMb: number;
  readonly verdict: MemoryVerdict;
  readonly kind: 'heap' | 'off-heap' | null;
  /** As the guard saw it. */
  readonly growthMb: number;
  readonly slopeMbPerMin: number;
  readonly points: number;
  readonly p: number;
  /** From the first growth to the alarm, ms; `null`: no alarm. */
  readonly alarmAfterMs: number | null;
  readonly culprits: readonly Culprit[];
  /** What `triggerLeakPrevention()` did about it. */
  readonly actions: readonly PreventionAction[];
}

export interface MemoryManagementResult extends ScenarioFrame {
  readonly name: 'memory';
  readonly settings: Readonly<Record<string, number | string>>;
  readonly healthy: HealthyPhase | null;
  readonly leases: LeasePhase | null;
  readonly objects: ObjectPhase | null;
  readonly growth: GrowthPhase | null;
  readonly stats: MemoryStats | null;
}
