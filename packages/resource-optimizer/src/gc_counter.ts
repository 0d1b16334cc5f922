import type { PerformanceEntry, RecordableHistogram } from 'node:perf_hooks';
import { createHistogram, PerformanceObserver } from 'node:perf_hooks';

/** V8's kinds of collection. `minor` is a scavenge, `incremental` one step of marking, `weak` the weak callbacks. */
export type GcKind = 'minor' | 'major' | 'incremental' | 'weak';

export interface GcKindSummary {
  readonly count: number;
  readonly totalMs: number;
}

/** The collections of one span of time. All 0 while `count` is 0. */
export interface GcSummary {
  readonly count: number;
  /** Time the program stood still, in ms. */
  readonly totalMs: number;
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly byKind: Readonly<Record<GcKind, GcKindSummary>>;
}

// perf_hooks.constants.NODE_PERFORMANCE_GC_*; 2 is the minor mark-sweep of newer versions.
const KINDS: Readonly<Record<number, GcKind>> = {
  1: 'minor',
  2: 'minor',
  4: 'major',
  8: 'incremental',
  16: 'weak',
};

/** Counts the collections of one span; cleared, not remade, because a native histogram is 20 kB. */
export class GcTally {
  // Two significant figures are 1 % of a pause; 1 µs to 60 s.
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: 60e6,
    figures: 2,
  });
  readonly #kinds: Record<GcKind, { count: number; totalMs: number }> = {
    minor: { count: 0, totalMs: 0 },
    major: { count: 0, totalMs: 0 },
    incremental: { count: 0, totalMs: 0 },
    weak: { count: 0, totalMs: 0 },
  };
  #count = 0;
  #totalMs = 0;
  #maxMs = 0;

  add(kind: GcKind, durationMs: number): void {
    const tally = this.#kinds[kind];
    tally.count++;
    tally.totalMs += durationMs;
    this.#count++;
    this.#totalMs += durationMs;
    if (durationMs > this.#maxMs) this.#maxMs = durationMs;
    this.#histogram.record(Math.min(60e6, Math.max(1, Math.round(durationMs * 1e3))));
  }

  merge(other: GcTally): void {
    for (const kind of Object.keys(this.#kinds) as GcKind[]) {
      this.#kinds[kind].count += other.#kinds[kind].count;
      this.#kinds[kind].totalMs += other.#kinds[kind].totalMs;
    }
    this.#count += other.#count;
    this.#totalMs += other.#totalMs;
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs);
    if (other.#count > 0) this.#histogram.add(other.#histogram);
  }

  clear(): void {
    for (const tally of Object.values(this.#kinds)) {
      tally.count = 0;
      tally.totalMs = 0;
    }
    this.#count = 0;
    this.#totalMs = 0;
    this.#maxMs = 0;
    this.#histogram.reset();
  }

  summary(): GcSummary {
    const { minor, major, incremental, weak } = this.#kinds;
    const empty = this.#count === 0;
    return {
      count: this.#count,
      totalMs: this.#totalMs,
      meanMs: empty ? 0 : this.#totalMs / this.#count,
      // The histogram rounds up to its bucket; the exact maximum bounds it.
      p99Ms: empty ? 0 : Math.min(this.#maxMs, this.#histogram.percentile(99) / 1e3),
      maxMs: this.#maxMs,
      byKind: {
        minor: { ...minor },
        major: { ...major },
        incremental: { ...incremental },
        weak: { ...weak },
      },
    };
  }
}

/**
 * Counts every garbage collection of this thread. Node hands several over at once when they came within one task, so
 * all entries of a delivery are read: exporters that read only the first lose 31–64 % of them in bursts.
 */
export class GcCounter {
  readonly #onCollection: ((kind: GcKind) => void) | undefined;
  #observer: PerformanceObserver | undefined;
  readonly #sinceInterval = new GcTally();
  readonly #merged = new GcTally();
  #windowSummary: GcSummary | undefined;
  #current = new GcTally();
  #previous = new GcTally();

  constructor(onCollection?: (kind: GcKind) => void) {
    this.#onCollection = onCollection;
  }

  start(): void {
    if (this.#observer !== undefined) return;
    this.#observer = new PerformanceObserver((list) => this.#record(list.getEntries()));
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /** Collections since `nextInterval()`. */
  interval(): GcSummary {
    // What is queued for the observer already happened before now.
    if (this.#observer !== undefined) this.#record(this.#observer.takeRecords());
    return this.#sinceInterval.summary();
  }

  nextInterval(): void {
    this.#sinceInterval.clear();
  }

  /** Collections since the last rotation but one: one to two rotation periods. */
  window(): GcSummary {
    if (this.#windowSummary === undefined) {
      this.#merged.clear();
      this.#merged.merge(this.#previous);
      this.#merged.merge(this.#current);
      this.#windowSummary = this.#merged.summary();
    }
    return this.#windowSummary;
  }

  /** Forgets the older half of the window; the caller owns the period. */
  rotate(): void {
    [this.#previous, this.#current] = [this.#current, this.#previous];
    this.#current.clear();
    this.#windowSummary = undefined;
  }

  stop(): void {
    if (this.#observer === undefined) return;
    this.#record(this.#observer.takeRecords());
    this.#observer.disconnect();
    this.#observer = undefined;
  }

  #record(entries: readonly PerformanceEntry[]): void {
    if (entries.length > 0) this.#windowSummary = undefined;
    for (const entry of entries) {
      const { kind: flag } = (entry as PerformanceEntry & { detail: { kind: number } }).detail;
      const kind = KINDS[flag] ?? 'major';
      this.#sinceInterval.add(kind, entry.duration);
      this.#current.add(kind, entry.duration);
      this.#onCollection?.(kind);
    }
  }
}
