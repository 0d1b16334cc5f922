/**
 * Takes a memory snapshot at each interval, has it judged, and looks for the culprit.
 *
 * @module
 */

import type { MemoryFloor } from './_gc_watch.ts';
import { MemoryJudge, worse } from './_memory_policy.ts';
import type { TypedEvents } from './_typed_events.ts';
import type { CacheRegistry } from './cache_registry.ts';
import type { Clock } from './clock.ts';
import type { Culprit } from './heap_attribution.ts';
import type { SnapshotOutcome } from './heap_snapshot.ts';
import type { ResolvedOptions } from './options.ts';
import type { LeakGuardEvents, MemoryReport, MemoryTrend, MemoryVerdict } from './report.ts';

type Kind = 'heap' | 'off-heap';

export interface MemoryMonitorDependencies {
  readonly options: ResolvedOptions;
  readonly events: TypedEvents<LeakGuardEvents>;
  readonly caches: CacheRegistry;
  /** Lowest floor since the last call, bringing a collection about when none happened; undefined when it could not. */
  takeFloor(): Promise<MemoryFloor | undefined>;
  /** Work done since the last call. */
  takeLoad(): number;
  limits(): {
    readonly heapBytes: number;
    readonly processBytes: number;
    readonly rssBytes: number;
  };
  attribute(kind: Kind): Promise<Culprit[]>;
  snapshot(): Promise<SnapshotOutcome>;
}

const MB = 1_048_576;
const UNKNOWN: MemoryTrend = {
  verdict: 'insufficient-data',
  slopeMbPerMin: 0,
  growthMb: 0,
  floorMb: 0,
  p: 1,
  etaMs: null,
  exceedsThreshold: false,
  points: 0,
};

/** One kind of memory: its judge, its latest trend, and what was told of it. */
class Series {
  readonly judge: MemoryJudge;
  trend: MemoryTrend = UNKNOWN;
  told: MemoryVerdict = 'healthy';
  toldThreshold = false;

  constructor(options: ResolvedOptions) {
    this.judge = new MemoryJudge({
      ...options.trend,
      growthThresholdMb: options.growthThresholdMb,
    });
  }
}

/** The 30 s loop over both kinds of memory. */
export class MemoryMonitor {
  readonly #deps: MemoryMonitorDependencies;
  readonly #clock: Clock;
  readonly #series: Record<Kind, Series>;
  #timer: { cancel(): void } | undefined;
  #running: Promise<void> | undefined;
  #attributing: Promise<void> | undefined;
  #lastAttribution = Number.NEGATIVE_INFINITY;
  #culprits: readonly Culprit[] = [];
  snapshots = 0;

  constructor(deps: MemoryMonitorDependencies) {
    this.#deps = deps;
    this.#clock = deps.options.clock;
    this.#series = { heap: new Series(deps.options), 'off-heap': new Series(deps.options) };
  }

  start(): void {
    if (this.#timer === undefined) this.#schedule();
  }

  /** Waits for the snapshot and the sampling in progress; whoever ends their waits must do so before. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#running;
    await this.#attributing;
  }

  /** Takes one snapshot now. Called by the timer; never overlaps itself. */
  async tick(): Promise<void> {
    this.#running ??= this.#tick().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  report(): MemoryReport {
    const heap = this.#series.heap.trend;
    const offHeap = this.#series['off-heap'].trend;
    const kind = worse(heap, offHeap);
    const trend = kind === 'heap' ? heap : offHeap;
    const named = trend.verdict === 'growing' || trend.verdict === 'leak';
    return { ...trend, kind: named ? kind : undefined, heap, offHeap, culprits: this.#culprits };
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#schedule();
      // A snapshot that fails (a cache or a load function that throws, say) is followed by the next one.
      this.tick().catch(() => undefined);
    }, this.#deps.options.monitoringIntervalMs);
  }

  async #tick(): Promise<void> {
    const load = this.#deps.takeLoad();
    const floor = await this.#deps.takeFloor();
    if (floor === undefined) return;
    this.snapshots++;
    const { caches } = this.#deps;
    const { heapBytes, processBytes, rssBytes } = this.#deps.limits();
    const shared = { t: this.#clock.now(), load };
    this.#judge('heap', {
      ...shared,
      floorMb: (floor.heapBytes - caches.bytes('heap')) / MB,
      usedMb: floor.heapBytes / MB,
      limitMb: Math.min(heapBytes, processBytes) / MB,
    });
    this.#judge('off-heap', {
      ...shared,
      floorMb: (floor.offHeapBytes - caches.bytes('off-heap')) / MB,
      usedMb: rssBytes / MB,
      limitMb: processBytes / MB,
    });
  }

  #judge(kind: Kind, point: Parameters<MemoryJudge['push']>[0]): void {
    const series = this.#series[kind];
    const trend = series.judge.push(point);
    series.trend = trend;
    const { verdict, exceedsThreshold } = trend;
    if (verdict === 'healthy' || verdict === 'insufficient-data') {
      series.told = verdict;
      series.toldThreshold = false;
      return;
    }
    const urgent = exceedsThreshold && !series.toldThreshold;
    if (verdict === 'growing' && (series.told !== 'growing' || urgent)) {
      this.#deps.events.emit('growing', { ...trend, kind });
      if (urgent) this.#background(() => this.#attribute(kind));
    }
    if (verdict === 'leak' && series.told !== 'leak') {
      this.#background(() => this.#tellLeak(kind, trend));
    }
    series.told = verdict;
    series.toldThreshold ||= exceedsThreshold;
  }

  /** One after the other; `stop()` waits for the last. */
  #background(job: () => Promise<void>): void {
    this.#attributing = (this.#attributing ?? Promise.resolve()).then(job).catch(() => undefined);
  }

  async #tellLeak(kind: Kind, trend: MemoryTrend): Promise<void> {
    await this.#attribute(kind);
    const snapshot = await this.#deps.snapshot();
    this.#deps.events.emit('heapLeak', { ...trend, kind, culprits: this.#culprits, snapshot });
  }

  async #attribute(kind: Kind): Promise<void> {
    const { attribution, attributionCooldownMs } = this.#deps.options;
    const now = this.#clock.now();
    if (attribution === 'off' || now - this.#lastAttribution < attributionCooldownMs) return;
    this.#lastAttribution = now;
    // An inspector that fails leaves the leak unnamed, not untold.
    this.#culprits = await this.#deps.attribute(kind).catch(() => []);
  }
}
