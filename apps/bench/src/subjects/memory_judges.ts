import { INTERVAL_MS, type MemorySample } from '../scenarios/guard_memory_series.ts';

/** A way to tell from a series of samples that memory leaks. */
export interface MemoryJudge {
  readonly name: string;
  readonly settings: string;
  /** For each series the sample at which it was first called a leak; undefined where it never was. */
  judge(all: readonly (readonly MemorySample[])[]): Promise<(number | undefined)[]>;
}

const GROWTH_MB = 100;

/** The brief's own rule, as most dashboards have it. */
export const growthRule: MemoryJudge = {
  name: '+100 MB rule',
  settings: `heapUsed more than ${GROWTH_MB} MB over what it was at first`,
  judge: async (all) => all.map(growthAlarm),
};

export function growthAlarm(series: readonly MemorySample[]): number | undefined {
  const used = series.map(({ floorMb, garbageMb }) => floorMb + garbageMb);
  const at = used.findIndex((mb) => mb - (used[0] ?? mb) > GROWTH_MB);
  return at === -1 ? undefined : at;
}

const MB = 2 ** 20;
/** What a process may take, caches and all. */
const LIMIT_MB = 1024;
/** What `process.memoryUsage()` says in the round: more than any series reaches before it is called a leak. */
const READING_MB = 2048;
/** Room above it within which the limit of each process lies: `--max-old-space-size` of the round. */
export const HEAP_LIMIT_MB: number = READING_MB + LIMIT_MB;

/**
 * A guard for each series, all in one process, on a virtual clock. Real major collections make them take their floors, but
 * the numbers are the series': `process.memoryUsage()` says the same constant to all, and each guard knows of a registered
 * cache that accounts for what its series does not have; `process.constrainedMemory()` leaves it the room it would have.
 * So the whole of the guard judges: monitor, load, caches, both kinds of memory, limits.
 */
export const fynloGuard: MemoryJudge = {
  name: 'fynlo',
  settings:
    'MemoryLeakPrevention, its defaults, fed by its clock, load and registerCache(); no probes and no attribution',
  async judge(all) {
    if (globalThis.gc === undefined) throw new Error('wants node --expose-gc');
    const { MemoryLeakPrevention } = await import('@fynlo/leak-guard');
    const host = new FedHost();
    const watched = all.map((series) => new Watched(series, host, MemoryLeakPrevention));
    const steps = Math.max(0, ...all.map(({ length }) => length));
    for (let step = 0; step < steps; step++) {
      await host.collect();
      for (const one of watched) await one.step(step);
    }
    for (const one of watched) await one.stop();
    host.restore();
    return watched.map(({ calledAt }) => calledAt);
  },
};

/** Stands in for the numbers of this process. */
class FedHost {
  readonly #memoryUsage = process.memoryUsage;
  readonly #constrainedMemory = process.constrainedMemory;
  #limitMb = HEAP_LIMIT_MB;

  constructor() {
    const bytes = READING_MB * MB;
    const reading = {
      rss: bytes,
      heapTotal: bytes,
      heapUsed: bytes,
      external: bytes,
      arrayBuffers: 0,
    };
    process.memoryUsage = Object.assign(() => ({ ...reading }), { rss: () => bytes });
    process.constrainedMemory = () => this.#limitMb * MB;
  }

  /** Leaves as much room as the process of this sample would have. */
  use({ floorMb, offHeapMb }: MemorySample): void {
    this.#limitMb = READING_MB + Math.max(0, LIMIT_MB - floorMb - offHeapMb);
  }

  /** A major collection, and the turns its callbacks need. */
  async collect(): Promise<void> {
    await globalThis.gc?.();
    for (let turn = 0; turn < 3; turn++) await nextTurn();
  }

  restore(): void {
    process.memoryUsage = this.#memoryUsage;
    process.constrainedMemory = this.#constrainedMemory;
  }
}

type GuardClass = typeof import('@fynlo/leak-guard').MemoryLeakPrevention;

/** One series and its guard. */
class Watched {
  calledAt: number | undefined;
  readonly #series: readonly MemorySample[];
  readonly #host: FedHost;
  readonly #clock = new StepClock();
  readonly #guard: InstanceType<GuardClass>;
  #sample: MemorySample | undefined;
  #step = 0;

  constructor(series: readonly MemorySample[], host: FedHost, Guard: GuardClass) {
    this.#series = series;
    this.#host = host;
    this.#guard = new Guard({
      clock: this.#clock,
      load: () => this.#sample?.load ?? 1,
      // No lease is watched: once per snapshot is enough to ask for the next floor.
      sweepIntervalMs: INTERVAL_MS,
      monitoringIntervalMs: INTERVAL_MS,
      probe: 'off',
      attribution: 'off',
    });
    const without = (pick: (sample: MemorySample) => number) => () =>
      this.#sample === undefined ? 0 : (READING_MB - pick(this.#sample)) * MB;
    this.#guard.registerCache('not of this series', {
      bytes: without(({ floorMb }) => floorMb),
    });
    this.#guard.registerCache('not of this series, off the heap', {
      bytes: without(({ offHeapMb }) => offHeapMb),
      kind: 'off-heap',
    });
    this.#guard.registerCache('entries', { bytes: () => (this.#sample?.cacheMb ?? 0) * MB });
    this.#guard.on('heapLeak', () => {
      this.calledAt ??= this.#step;
    });
    this.#guard.startMonitoring();
  }

  async step(step: number): Promise<void> {
    const sample = this.#series[step];
    if (this.calledAt !== undefined || sample === undefined) return;
    this.#step = step;
    this.#sample = sample;
    this.#host.use(sample);
    this.#clock.advance(INTERVAL_MS);
    await nextTurn();
    if (this.#guard.getMemoryStats().snapshots !== step + 1) {
      throw new Error(`the guard took no snapshot at step ${step}`);
    }
    if (this.calledAt !== undefined) await this.#guard.stop();
  }

  stop(): Promise<void> {
    return this.#guard.stop();
  }
}

/** Time that goes in steps; a timer of the same length as a step fires once in each. */
class StepClock {
  #now = 0;
  #timers: { readonly at: number; readonly fn: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#now;
  }

  setTimeout(fn: () => void, ms: number): { cancel(): void } {
    const timer = { at: this.#now + ms, fn };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  advance(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { fn } of due) fn();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
