/**
 * What the guard tells.
 *
 * @module
 */
import type { Culprit } from './heap_attribution.ts';
import type { SnapshotOutcome } from './heap_snapshot.ts';
import type { ProbeResult } from './soft_probe.ts';

/** Who acquired something, as far as it is known. */
export interface Origin {
  /** `file:line:column` in the user's code; undefined when this acquire was not one of the sample. */
  readonly site: string | undefined;
  /** Frames from there outwards; empty when `site` is undefined. */
  readonly stack: readonly string[];
  /** What the caller named the acquire, if it did. */
  readonly label: string | undefined;
}

/** A lease beyond the threshold that somebody can still reach, or that cannot be proven. Reported, never taken. */
export interface HeldLease extends Origin {
  /** Name under which the pool was attached. */
  readonly pool: string;
  readonly leaseId: number;
  readonly connectionId: number;
  readonly heldMs: number;
  /** Whether a major collection has shown that it is reachable; false: nothing is known either way. */
  readonly proven: boolean;
}

/** A lease that came back after it had been told as held. */
export type ReturnedLease = HeldLease;

/** What became of a leaked lease's connection. `none`: not asked for, or the pool cannot. */
export type ReclaimOutcome = 'none' | 'pending' | 'returned' | 'destroyed';

/** A lease that nobody can reach and nobody has released. Proven by the garbage collector, not by age. */
export interface LeakedLease extends Origin {
  readonly type: 'lease';
  readonly pool: string;
  readonly leaseId: number;
  readonly connectionId: number;
  /** From the acquire to the proof, as exact as the sweep interval. */
  readonly heldMs: number;
  /** Milliseconds since the Unix epoch. */
  readonly detectedAt: number;
  /** Leaks from the same place so far, this one included; those of unknown origin are counted together. */
  readonly occurrences: number;
  readonly reclaim: ReclaimOutcome;
}

/** A tracked object that was collected before `close()` was called. */
export interface LostObject extends Origin {
  readonly type: 'object';
  /** As given to `track()`. */
  readonly kind: string;
  readonly ageMs: number;
  readonly detectedAt: number;
  readonly occurrences: number;
}

/** `insufficient-data`: fewer points than a verdict needs. `growing`: a proven trend, not confirmed yet. */
export type MemoryVerdict = 'healthy' | 'growing' | 'leak' | 'insufficient-data';

export interface MemoryTrend {
  readonly verdict: MemoryVerdict;
  /** Growth per minute of the floor, with explained growth taken out, MiB; 0 without a trend. */
  readonly slopeMbPerMin: number;
  /** Growth over the judged window, MiB. */
  readonly growthMb: number;
  /** The floor now, MiB. */
  readonly floorMb: number;
  /** Chance that noise alone looks like this. */
  readonly p: number;
  /** Time until the limit is reached at the present slope, ms; null without a trend. */
  readonly etaMs: number | null;
  /** A proven trend with growth beyond `growthThresholdMb`. */
  readonly exceedsThreshold: boolean;
  readonly points: number;
}

/** The worse of the two trends on top, both below. */
export interface MemoryReport extends MemoryTrend {
  /** Which memory the verdict is about; undefined while it is `healthy` or `insufficient-data`. */
  readonly kind: 'heap' | 'off-heap' | undefined;
  readonly heap: MemoryTrend;
  readonly offHeap: MemoryTrend;
  /** Functions behind the growth, largest first; empty until one was looked for. */
  readonly culprits: readonly Culprit[];
}

/** Told with `growing`. */
export interface GrowthNotice extends MemoryTrend {
  readonly kind: 'heap' | 'off-heap';
}

/** Told with `heapLeak`, after the culprit was looked for. */
export interface MemoryLeak extends GrowthNotice {
  readonly culprits: readonly Culprit[];
  readonly snapshot: SnapshotOutcome;
}

export interface LeakReport {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** Proven leaks since the guard was made, one entry for each place they came from. */
  readonly leakedLeases: readonly LeakedLease[];
  /** Open leases beyond the threshold. */
  readonly heldLeases: readonly HeldLease[];
  /** Tracked objects lost since the guard was made, one entry for each kind and place. */
  readonly trackedLost: readonly LostObject[];
  readonly memory: MemoryReport;
  /** The probe this report asked for, if any. */
  readonly probe: ProbeResult | undefined;
}

export interface MemoryStats {
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number;
  readonly heapUsedMb: number;
  readonly heapTotalMb: number;
  /** Left after the last major collection; undefined before the first one seen. */
  readonly heapFloorMb: number | undefined;
  readonly externalMb: number;
  readonly arrayBuffersMb: number;
  readonly rssMb: number;
  /** What the heap may grow to, and the process (container, else machine). */
  readonly heapLimitMb: number;
  readonly limitMb: number;
  readonly openLeases: number;
  readonly heldLeases: number;
  readonly leakedLeases: number;
  readonly reclaimedLeases: number;
  readonly trackedObjects: number;
  readonly lostObjects: number;
  /** Bytes in registered caches, by name. */
  readonly caches: Readonly<Record<string, number>>;
  /** Memory snapshots taken since monitoring began. */
  readonly snapshots: number;
  /** Major collections seen since monitoring began. */
  readonly majorCollections: number;
  readonly probes: number;
  /** Loop stalls that the probes caused, ms. */
  readonly probeStallMs: number;
}

/** One thing that `triggerLeakPrevention()` did, or why it did not. */
export interface PreventionAction {
  readonly name: string;
  /** False when nothing changed; the reason says why. */
  readonly applied: boolean;
  readonly reason: string;
  readonly before: number;
  readonly after: number;
  /** Of `before` and `after`. */
  readonly unit: 'leases' | 'bytes';
  readonly costMs: number;
}

export interface PreventionResult {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly actions: readonly PreventionAction[];
}

/** Payload by event name. */
export interface LeakGuardEvents {
  leak: LeakedLease | LostObject;
  held: HeldLease;
  returned: ReturnedLease;
  reclaimed: LeakedLease;
  growing: GrowthNotice;
  heapLeak: MemoryLeak;
}
