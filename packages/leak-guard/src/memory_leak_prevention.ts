// The global one of Deno and Bun has no eventLoopUtilization().
import { performance } from 'node:perf_hooks';
import { GcWatch, type MemoryFloor } from './_gc_watch.ts';
import { collectGarbage } from './_inspector_session.ts';
import { LeaseGuard } from './_lease_guard.ts';
import { heapLimitBytes, processLimitBytes } from './_memory_limit_reading.ts';
import { MemoryMonitor } from './_memory_monitor.ts';
import { prevent } from './_prevention.ts';
import { TypedEvents } from './_typed_events.ts';
import { CacheRegistry, type RegisteredCache } from './cache_registry.ts';
import { sampleGrowth } from './heap_attribution.ts';
import { HeapSnapshots } from './heap_snapshot.ts';
import { ObjectTracker, type Tracker } from './object_tracker.ts';
import {
  type MemoryLeakPreventionOptions,
  type ResolvedOptions,
  resolveOptions,
} from './options.ts';
import type { GuardedPool } from './pool_attachment.ts';
import type { LeakGuardEvents, LeakReport, MemoryStats, PreventionResult } from './report.ts';
import { type ProbeOptions, type ProbeResult, probe } from './soft_probe.ts';

const MB = 1_048_576;
/** How long `triggerLeakPrevention()` waits for reclaims under way. */
const SETTLE_MS = 2_000;
/** Background probes in a row that brought no collection about, after which one is forced. */
const FORCE_AFTER = 3;

/**
 * Finds leaked connections and leaked memory while the program runs, names where they come from, and takes leaked
 * connections back.
 *
 * A lease is called leaked only when the garbage collector has shown that nobody can reach it; one that is merely held
 * for long is reported and left alone. Memory is called leaking only when what remains after major collections has risen
 * for 20 minutes without a registered cache or the load explaining it.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { guardPgPool, MemoryLeakPrevention } from '@fynlo/leak-guard';
 * import pg from 'pg';
 *
 * const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 2 });
 * await using guard = new MemoryLeakPrevention({ level: 'paranoid' });
 * guard.attach(guardPgPool(pool), 'main');
 * guard.startMonitoring();
 *
 * const client = await pool.connect();
 * await client.query('select 1');
 * client.release();
 *
 * const report = await guard.checkForLeaks();
 * assert.deepEqual(report.leakedLeases, []);
 * await pool.end();
 * ```
 */
export class MemoryLeakPrevention implements AsyncDisposable {
  readonly #options: ResolvedOptions;
  readonly #events = new TypedEvents<LeakGuardEvents>('fynlo.leak-guard');
  readonly #caches = new CacheRegistry();
  readonly #gc = new GcWatch();
  readonly #leases: LeaseGuard;
  readonly #objects: ObjectTracker;
  readonly #memory: MemoryMonitor;
  #monitoring = false;
  #stopping: Promise<void> | undefined;
  #abort = new AbortController();
  #probes = 0;
  #probeStallMs = 0;
  /** Probes without a collection, in a row. */
  #inconclusive = 0;
  #loop = performance.eventLoopUtilization();

  /** @throws InvalidOptionError for an unknown option or a value outside its range */
  constructor(options: MemoryLeakPreventionOptions = {}) {
    this.#options = resolveOptions(options);
    this.#leases = new LeaseGuard({
      options: this.#options,
      events: this.#events,
      probe: () =>
        this.#probe({
          signal: this.#abort.signal,
          // A forced collection stops the world for long; it is for a machine where the soft way does not work at all.
          force: this.#inconclusive >= FORCE_AFTER,
        }),
      utilization: () => {
        const now = performance.eventLoopUtilization();
        const { utilization } = performance.eventLoopUtilization(now, this.#loop);
        this.#loop = now;
        return utilization;
      },
      swept: () => this.#gc.watch(),
    });
    this.#objects = new ObjectTracker({
      sampler: this.#leases.sampler,
      clock: this.#options.clock,
      lost: (object) => this.#events.emit('leak', object),
    });
    this.#memory = this.#makeMonitor();
  }

  /**
   * Watches a pool from now on; leases that are out already stay unknown.
   *
   * @param pool one of `@fynlo/pool-core`, or `guardPgPool(pool)` for a plain `pg.Pool`
   * @param name shown in reports; default `pool-1`, `pool-2`, ...
   * @returns stops watching it
   */
  attach(pool: GuardedPool, name: string = `pool-${this.#leases.attached + 1}`): () => void {
    return this.#leases.attach(pool, name);
  }

  /**
   * Watches any object: when it is collected before `close()` was called, `leak` is told. The returned tracker must not
   * be stored where it alone keeps the object reachable; it does not refer to the object itself.
   *
   * @param kind what it is, for reports
   */
  track<T extends object>(object: T, kind: string): Tracker {
    return this.#objects.track(object, kind, this.track);
  }

  /** Tells of a cache that grows on purpose. Its bytes are no leak, and `triggerLeakPrevention()` may shrink it. */
  registerCache(name: string, cache: RegisteredCache): () => void {
    return this.#caches.register(name, cache);
  }

  /** Starts the background work; harmless when it runs. None of it keeps the process alive. */
  startMonitoring(): this {
    if (this.#monitoring) return this;
    this.#monitoring = true;
    this.#stopping = undefined;
    this.#abort = new AbortController();
    this.#gc.watch();
    this.#leases.start();
    this.#memory.start();
    return this;
  }

  /** Ends the background work and lets go of the pools' observers; harmless when called again. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * What is leaked, held and growing now.
   *
   * @param options `probe: false` only reads what is known; by default a major collection is brought about first, so that
   *   every lease and object dropped before the call is told of (a loop stall of 9–45 ms at 50–500 MB of live heap)
   */
  async checkForLeaks(options: { readonly probe?: boolean } = {}): Promise<LeakReport> {
    const wanted = (options.probe ?? true) && this.#options.probe !== 'off';
    const probed = wanted ? await this.#probeNow() : undefined;
    return {
      at: this.#options.clock.wallNow(),
      leakedLeases: this.#leases.leaked(),
      heldLeases: this.#leases.held(),
      trackedLost: this.#objects.lost(),
      memory: this.#memory.report(),
      probe: probed,
    };
  }

  /**
   * Does what can be done now: proves leaks, takes proven leaks back, halves registered caches, gives memory back to the
   * operating system (a full collection: the loop stands still for some 30 ms per 50 MB of live heap).
   */
  async triggerLeakPrevention(): Promise<PreventionResult> {
    const actions = await prevent({
      caches: this.#caches,
      probeAllowed: this.#options.probe !== 'off',
      leaked: () => this.#leases.leakedLeases,
      openLeases: () => this.#leases.openLeases,
      probe: async () => (await this.#probeNow()).conclusive,
      unreclaimed: () => this.#leases.unreclaimed,
      reclaimed: () => this.#leases.reclaimedLeases,
      reclaim: () => this.#leases.reclaimProven(),
      settled: () => this.#reclaimsSettled(),
      collectGarbage,
      rssBytes: () => process.memoryUsage.rss(),
    });
    return { at: this.#options.clock.wallNow(), actions };
  }

  getMemoryStats(): MemoryStats {
    const { heapUsed, heapTotal, external, arrayBuffers, rss } = process.memoryUsage();
    const floor = this.#gc.last;
    return {
      timestamp: this.#options.clock.wallNow(),
      heapUsedMb: heapUsed / MB,
      heapTotalMb: heapTotal / MB,
      heapFloorMb: floor === undefined ? undefined : floor.heapBytes / MB,
      externalMb: external / MB,
      arrayBuffersMb: arrayBuffers / MB,
      rssMb: rss / MB,
      heapLimitMb: heapLimitBytes() / MB,
      limitMb: processLimitBytes() / MB,
      openLeases: this.#leases.openLeases,
      heldLeases: this.#leases.held().length,
      leakedLeases: this.#leases.leakedLeases,
      reclaimedLeases: this.#leases.reclaimedLeases,
      trackedObjects: this.#objects.openCount,
      lostObjects: this.#objects.lostCount,
      caches: this.#caches.byName(),
      snapshots: this.#memory.snapshots,
      majorCollections: this.#gc.majors,
      probes: this.#probes,
      probeStallMs: this.#probeStallMs,
    };
  }

  /**
   * Listens to an event; see `LeakGuardEvents` for the payloads. Each is also published on the diagnostics channel
   * `fynlo.leak-guard.<event>`.
   *
   * @returns stops listening
   */
  on<K extends keyof LeakGuardEvents>(
    event: K,
    listener: (payload: LeakGuardEvents[K]) => void,
  ): () => void {
    return this.#events.on(event, listener);
  }

  #makeMonitor(): MemoryMonitor {
    const snapshots = new HeapSnapshots(this.#options.snapshot, this.#options.clock);
    return new MemoryMonitor({
      options: this.#options,
      events: this.#events,
      caches: this.#caches,
      takeFloor: () => this.#takeFloor(),
      takeLoad: () => {
        const acquires = this.#leases.takeAcquires();
        return this.#options.load?.() ?? (this.#leases.attached > 0 ? acquires : 1);
      },
      limits: () => ({
        heapBytes: heapLimitBytes(),
        processBytes: processLimitBytes(),
        rssBytes: process.memoryUsage.rss(),
      }),
      attribute: (kind) =>
        sampleGrowth({
          kind,
          durationMs: this.#options.attributionMs,
          wait: (ms) => this.#wait(ms),
          settle: () => this.#leases.probe(),
        }),
      snapshot: () => snapshots.take(),
    });
  }

  async #takeFloor(): Promise<MemoryFloor | undefined> {
    const natural = this.#gc.takeFloor();
    if (natural !== undefined || this.#options.probe === 'off') return natural;
    this.#gc.watch();
    await this.#leases.probe();
    return this.#gc.takeFloor();
  }

  async #probe(options: ProbeOptions): Promise<ProbeResult> {
    const kind = this.#options.probe === 'full' ? 'full' : 'soft';
    const result = await probe({ ...options, kind });
    this.#probes++;
    this.#inconclusive = result.conclusive ? 0 : this.#inconclusive + 1;
    this.#probeStallMs += result.stallMs;
    return result;
  }

  /** For a caller who awaits it: keeps the process alive meanwhile, and tells of the youngest leases as well. */
  async #probeNow(): Promise<ProbeResult> {
    this.#leases.arm();
    this.#gc.watch();
    return this.#leases.probe(() => this.#probe({ ref: true }));
  }

  async #reclaimsSettled(): Promise<void> {
    const until = performance.now() + SETTLE_MS;
    while (this.#leases.reclaiming > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Waits, or until the guard stops. */
  #wait(ms: number): Promise<void> {
    const { signal } = this.#abort;
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.#options.clock.setTimeout(done, ms);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }

  async #stop(): Promise<void> {
    this.#monitoring = false;
    this.#abort.abort();
    this.#leases.stop();
    this.#objects.stop();
    await this.#memory.stop();
    this.#gc.stop();
  }
}
