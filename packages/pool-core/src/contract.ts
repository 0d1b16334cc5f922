/**
 * What others may know of a pool and do to it: observe, read, act. Types only.
 *
 * An attachment (a guard, an optimizer, an exporter) takes the smallest interface it needs, so that a short adapter
 * makes a plain `pg.Pool` fit as well. The three-way split is HikariCP's (`IMetricsTracker` / `PoolStats` /
 * `HikariPoolMXBean`), the optional observer methods are pgx's tracers.
 *
 * @example
 * ```ts
 * import type { ObservablePool } from '@fynlo/pool-core/contract';
 *
 * export function countAcquires(pool: ObservablePool): () => number {
 *   let acquires = 0;
 *   pool.observe({ acquired: () => void acquires++ });
 *   return () => acquires;
 * }
 * ```
 *
 * @module
 */

/** Where a connection is in its life. The states of all connections sum to the pool's size. */
export type ConnectionState =
  | 'connecting'
  | 'idle'
  | 'leased'
  | 'resetting'
  | 'probing'
  | 'closing';

/** How the pool stands towards its server. `suspect`: the last connect failed; `down`: one prober asks, waiters wait. */
export type PoolState = 'ready' | 'suspect' | 'down' | 'recovering' | 'closing' | 'closed';

/** Why a connection was destroyed. */
export type DestroyReason =
  | 'idle-timeout'
  | 'lifetime'
  | 'max-uses'
  | 'shrink'
  | 'outdated'
  | 'unhealthy'
  | 'connection-error'
  | 'released-with-error'
  | 'released-busy'
  | 'reset-failed'
  | 'reclaimed'
  | 'evicted'
  | 'closing';

/** Why the pool changed its size, or refused to. */
export type ScalingReason =
  | 'minimum'
  | 'waiters'
  | 'utilization-high'
  | 'utilization-low'
  | 'idle'
  | 'warm'
  | 'resize'
  | 'ceiling-step'
  | 'ceiling-frozen'
  | 'ceiling-cut'
  | 'ceiling-probe'
  | 'event-loop-saturated'
  | 'server-limit'
  | 'server-capacity'
  | 'outage';

/** One decision about the pool's size. */
export interface ScalingEvent {
  /**
   * Milliseconds since the Unix epoch: of a growth by several connects its first, of a climb of the ceiling its last step. Events are in the
   * order in which they were told, and such a run is told when it has come to rest: those of its time may be before it.
   */
  readonly at: number;
  /**
   * Size before. For `ceiling-*`, `server-limit` and `event-loop-saturated` what the pool allowed itself before, for
   * `server-capacity` and `resize` the most it might have had.
   */
  readonly from: number;
  /** The same after. */
  readonly to: number;
  readonly reason: ScalingReason;
  /** The numbers the decision was made from, e.g. `{ utilization: 0.83, waiting: 4 }`. */
  readonly inputs: Readonly<Record<string, number>>;
}

/** What a server says of its room for connections; each process that uses it gets the same answer. */
export interface ServerCapacity {
  /** Its connection slots: PostgreSQL's `max_connections`. */
  readonly maxConnections: number;
  /** Of these, kept for others than the pool's role: `superuser_reserved_connections`, and `reserved_connections`. */
  readonly reserved: number;
  /** The most connections of the pool's role; undefined: no limit. */
  readonly roleLimit?: number;
  /** The most connections to the pool's database; undefined: no limit. */
  readonly databaseLimit?: number;
}

/** Percentiles of a duration, in milliseconds with microsecond resolution. All 0 while `count` is 0. */
export interface DurationSummary {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** An immutable snapshot of a pool's counters. Counts are since the pool was made. */
export interface PoolStats {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly state: PoolState;
  /** Connections in any state; the sum of the six below. */
  readonly size: number;
  readonly connecting: number;
  readonly idle: number;
  readonly leased: number;
  readonly resetting: number;
  readonly probing: number;
  readonly closing: number;
  /** Acquires that wait for a connection. */
  readonly waiting: number;
  /** How long the oldest of them has waited, in ms; 0 when none waits. */
  readonly oldestWaitMs: number;
  readonly min: number;
  readonly max: number;
  /** The size the pool allows itself now; `<= max`. */
  readonly ceiling: number;
  /** Acquires answered with a connection. */
  readonly acquires: number;
  readonly releases: number;
  /** Acquires that ended at their deadline. */
  readonly acquireTimeouts: number;
  /** Acquires whose signal was aborted. */
  readonly acquireAborts: number;
  /** Acquires refused for another reason (closed, queue full, fatal connect error). */
  readonly acquireRejections: number;
  /** Connects that succeeded. */
  readonly created: number;
  readonly createFailures: number;
  readonly destroyed: Readonly<Partial<Record<DestroyReason, number>>>;
  readonly scaleUps: number;
  readonly scaleDowns: number;
  /** From asking for a connection to having it. */
  readonly wait: DurationSummary;
  /** From having a connection to giving it back. */
  readonly use: DurationSummary;
  /** From starting a connect to being ready. */
  readonly create: DurationSummary;
}

/**
 * Facts, told synchronously after they happened; every method is optional. A throwing observer reaches neither the
 * pool nor other observers. Ids are unique within one pool; nothing here keeps a connection or a lease alive.
 */
export interface PoolObserver {
  /**
   * Set to be handed the lease object in `acquired`. Hold it weakly: a strong reference makes a lost lease look held.
   * @default false
   */
  readonly tracksLeases?: boolean;
  /** An acquire has begun: told within the call, before anything else. Only then is the caller on the stack. */
  acquiring?(event: AcquiringEvent): void;
  acquired?(event: AcquiredEvent): void;
  released?(event: ReleasedEvent): void;
  /** An acquire ended without a connection. */
  rejected?(event: {
    readonly code: string;
    readonly waitedMs: number;
    /** As in `acquiring`, while somebody listens to that. */
    readonly leaseId?: number;
  }): void;
  created?(event: { readonly connectionId: number; readonly tookMs: number }): void;
  destroyed?(event: { readonly connectionId: number; readonly reason: DestroyReason }): void;
  scaled?(event: ScalingEvent): void;
  stateChanged?(event: { readonly from: PoolState; readonly to: PoolState }): void;
  /** A server turned out to be something else than before, or is where its name no longer leads. */
  serverChanged?(event: ServerChange): void;
  /** A lease was taken back; its `released` has been told. */
  reclaimed?(event: { readonly leaseId: number; readonly reason: string }): void;
  closed?(): void;
}

/** What a pool found out about one of its servers. */
export interface ServerChange {
  readonly host: string;
  readonly port: number;
  /** The address of `host` that it is about. */
  readonly address: string;
  /**
   * `demoted`: it was the primary and is a standby. `promoted`: the reverse. `refuses-writes`: it reads only by default now.
   * `lagging`: it is further behind than `maxReplicaLagMs`. `address-gone`: `host` leads there no longer.
   * `standby-available`: the pool was on the primary for want of one.
   */
  readonly what:
    | 'demoted'
    | 'promoted'
    | 'refuses-writes'
    | 'lagging'
    | 'address-gone'
    | 'standby-available';
  /** Connections that are closed for it: idle ones at once, leased ones when they come back. */
  readonly connections: number;
}

export interface AcquiringEvent {
  /** The same in `acquired`, `released` and `rejected`. */
  readonly leaseId: number;
  readonly label?: string;
  /** The public function that was called: `Error.captureStackTrace(holder, entry)` begins at its caller. */
  readonly entry?: (...args: never[]) => unknown;
}

export interface AcquiredEvent {
  readonly leaseId: number;
  readonly connectionId: number;
  readonly waitedMs: number;
  /** What the caller named this acquire, if it did. */
  readonly label?: string;
  /** Only for observers with `tracksLeases`; unreachable from the pool once handed out. */
  readonly lease?: object;
}

export interface ReleasedEvent {
  readonly leaseId: number;
  readonly connectionId: number;
  readonly heldMs: number;
}

/** One connection, as it was at one moment. Ages in ms. */
export interface ConnectionInfo {
  readonly id: number;
  /** The process that serves it on the server, where the pool knows it (PostgreSQL). */
  readonly backendPid?: number;
  readonly state: ConnectionState;
  /** Since it was opened; for one that is connecting, since that began. */
  readonly ageMs: number;
  /** Since it was last returned; undefined unless idle. */
  readonly idleMs?: number;
  /** Leases it has served. */
  readonly uses: number;
  /** The lease it is out on. */
  readonly leaseId?: number;
  readonly heldMs?: number;
  readonly label?: string;
  /** The stack that the lease was asked for from, one frame per line; taken of some acquires only. */
  readonly acquiredFrom?: string;
}

/** A pool that can be watched. */
export interface ObservablePool {
  /** Starts telling `observer`; the returned function stops it. Free while nobody observes. */
  observe(observer: PoolObserver): () => void;
  /** An immutable snapshot. */
  stats(): PoolStats;
}

/** A pool whose bounds can be changed while it runs. */
export interface ResizablePool {
  /** @throws InvalidOptionError when `min > max`, `max` is 0, or one is not a whole number >= 0. */
  resize(bounds: { readonly min?: number; readonly max?: number }): void;
  /** Closes idle connections above the minimum now; returns how many. */
  evictIdle(): number;
}

/** A pool that can take a lease back from somebody who lost it. */
export interface EvictablePool {
  /**
   * Takes the lease back and destroys its connection. Only for leases proven lost: a holder that still has the lease would
   * find it dead.
   * @returns false when no such lease is out.
   */
  reclaim(leaseId: number, reason: string): boolean;
}

/** What the five systems report of a pool, one sample. Field names in JSON are the snake_case of these. */
export interface ConnectionPoolMetrics {
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number;
  /** Leased connections. */
  readonly activeConnections: number;
  readonly idleConnections: number;
  readonly totalConnections: number;
  /** Leased share of the usable connections, 0..1. */
  readonly poolUtilization: number;
  /** Mean wait of the acquires since the previous sample, ms. */
  readonly connectionWaitTime: number;
  /** Resident set of this process, MiB. */
  readonly memoryUsageMb: number;
  /** CPU of this process since the previous sample, percent of one core. */
  readonly cpuUsagePercent: number;
}
