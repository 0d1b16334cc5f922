/**
 * The options of {@link DynamicConnectionPoolManager} and their defaults; their limits are in `_settings.ts`.
 *
 * @module
 */
import type { Clock } from './clock.ts';
import type { ConnectionFactory } from './connection_factory.ts';
import type { Tuning } from './tuning_options.ts';

/** What `new DynamicConnectionPoolManager()` takes. Only `factory` is required. All durations in ms; Infinity: never. */
export interface DynamicConnectionPoolManagerOptions<C> {
  /** Makes and destroys the connections. */
  readonly factory: ConnectionFactory<C>;
  /**
   * What the pool is called in errors, events and channels.
   * @default 'pool'
   */
  readonly name?: string | undefined;
  /**
   * Kept open and warm: opened in the background by `start()` or the first acquire, and replaced when lost.
   * 0..maxConnections.
   * @default 10
   */
  readonly minConnections?: number | undefined;
  /**
   * The most connections, in any state. The pool may hold itself below it, and says why: see `explain()`. 1 or more.
   * @default 500
   */
  readonly maxConnections?: number | undefined;
  /**
   * Connections that the idle timeout and shrinking spare, where that is another number than `minConnections`.
   * @default minConnections
   */
  readonly idleFloor?: number | undefined;
  /**
   * The utilisation (leased share of the usable connections) above which the pool grows. Above scaleDownThreshold, to 1.
   * @default 0.8
   */
  readonly scalingThreshold?: number | undefined;
  /**
   * The utilisation below which it shrinks. 0 to below scalingThreshold.
   * @default 0.3
   */
  readonly scaleDownThreshold?: number | undefined;
  /**
   * A connection above the floor that nobody has used for so long is closed.
   * @default 300_000
   */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * Whether the idle timeout is carried out to the millisecond for every connection above the floor (pg-pool's way), rather
   * than by the rules of shrinking: gradually, and not soon after growth.
   * @default false
   */
  readonly exactIdleTimeout?: boolean | undefined;
  /**
   * A connection is replaced after this, less a random share of up to `lifetimeJitter`; never all at once.
   * @default 3_600_000
   */
  readonly connectionLifetimeMs?: number | undefined;
  /**
   * How much earlier than its lifetime a connection may be replaced, as a share of it. 0..1.
   * @default 0.1
   */
  readonly lifetimeJitter?: number | undefined;
  /**
   * A connection is replaced after having been leased so often.
   * @default Infinity
   */
  readonly maxUses?: number | undefined;
  /**
   * Idle connections that gave no sign of life for so long are checked with the factory's `validate`.
   * @default 30_000
   */
  readonly healthCheckIntervalMs?: number | undefined;
  /**
   * How long such a check may take.
   * @default 5_000
   */
  readonly healthCheckTimeoutMs?: number | undefined;
  /**
   * How long an acquire may wait. 0: only for what can be had at once.
   * @default 30_000
   */
  readonly acquireTimeoutMs?: number | undefined;
  /**
   * How long one connect may take, enforced by the pool itself.
   * @default 10_000
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * How long the factory's `reset` may take.
   * @default 5_000
   */
  readonly resetTimeoutMs?: number | undefined;
  /**
   * How long closing one connection may take before the pool no longer counts it.
   * @default 5_000
   */
  readonly closeTimeoutMs?: number | undefined;
  /**
   * Of how many acquires the pool keeps the stack, so that AcquireTimeoutError and `connections()` can say from where a connection
   * was taken: at most one in so many ms; 0 for all, Infinity for none. A stack costs up to 170 us. For a minute after an
   * acquire timed out they are taken 20 times as often. Range 0..Infinity.
   * @default 100
   */
  readonly acquireStackEveryMs?: number | undefined;
  /**
   * How long `end()` waits for leases before it closes their connections.
   * @default 30_000
   */
  readonly endGraceMs?: number | undefined;
  /**
   * Connects in flight at once, to begin with; the pool goes down to 1 after errors and up to `tuning.maxConnectingCap`
   * while connects stay fast. 1 or more.
   * @default 4
   */
  readonly maxConnecting?: number | undefined;
  /**
   * How many acquires may wait for a full pool; the next is refused with PoolQueueFullError. 0 or more.
   * @default Infinity
   */
  readonly maxWaiting?: number | undefined;
  /**
   * What acquires do while the server cannot be reached: `'wait'` until their own deadline, or be refused (`'reject'`) with
   * the connect error as each connect fails. Errors that waiting cannot mend (wrong password) refuse in both cases.
   * @default 'wait'
   */
  readonly whileDown?: 'wait' | 'reject' | undefined;
  /**
   * Whether connect errors reach callers wrapped in a ConnectFailedError that names the pool, or as they came.
   * @default true
   */
  readonly wrapConnectErrors?: boolean | undefined;
  /**
   * Whether the pool looks for the size above which more connections buy no throughput, and stays below it.
   * @default true
   */
  readonly adaptiveCeiling?: boolean | undefined;
  /** @default the machine's */
  readonly clock?: Clock | undefined;
  /**
   * 0..1, for all jitter.
   * @default Math.random
   */
  readonly random?: (() => number) | undefined;
  /** Constants of the policies. Meant for experiments and tests; the defaults are what was measured. */
  readonly tuning?: Partial<Tuning> | undefined;
}

/** Where nothing else is said. */
export const DEFAULTS = {
  name: 'pool',
  minConnections: 10,
  maxConnections: 500,
  scalingThreshold: 0.8,
  scaleDownThreshold: 0.3,
  idleTimeoutMs: 300_000,
  exactIdleTimeout: false,
  connectionLifetimeMs: 3_600_000,
  lifetimeJitter: 0.1,
  maxUses: Number.POSITIVE_INFINITY as number,
  healthCheckIntervalMs: 30_000,
  healthCheckTimeoutMs: 5_000,
  acquireTimeoutMs: 30_000,
  connectTimeoutMs: 10_000,
  resetTimeoutMs: 5_000,
  closeTimeoutMs: 5_000,
  acquireStackEveryMs: 100,
  endGraceMs: 30_000,
  maxConnecting: 4,
  maxWaiting: Number.POSITIVE_INFINITY as number,
  whileDown: 'wait',
  wrapConnectErrors: true,
  adaptiveCeiling: true,
} as const;
