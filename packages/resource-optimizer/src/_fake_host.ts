import type { GcSummary } from './gc_counter.ts';
import type { HostLimits, HostProbe, HostReading, LoopReading } from './host_probe.ts';

const MIB = 1024 * 1024;
const NO_GC: GcSummary = {
  count: 0,
  totalMs: 0,
  meanMs: 0,
  p99Ms: 0,
  maxMs: 0,
  byKind: {
    minor: { count: 0, totalMs: 0 },
    major: { count: 0, totalMs: 0 },
    incremental: { count: 0, totalMs: 0 },
    weak: { count: 0, totalMs: 0 },
  },
};

/** A process that is as the test says: sizes in MiB, shares 0..1 that its sums follow in virtual time. */
export class FakeHost implements HostProbe {
  rssMb = 200;
  heapUsedMb = 50;
  heapTotalMb = 60;
  limitMb = 1000;
  cores = 2;
  /** Share of the cores in use, from now on. */
  cpuShare = 0.1;
  /** Share of the loop in use, from now on. */
  loopShare = 0.1;
  gcP99Ms = 2;
  attached = false;
  /** What a collection leaves; `undefined`: it cannot be had. */
  afterCollect: { rssMb: number; heapUsedMb: number } | undefined = { rssMb: 100, heapUsedMb: 40 };
  started = 0;
  stopped = 0;
  collections = 0;
  readonly #now: () => number;
  #atMs = 0;
  #cpuMs = 0;
  #activeMs = 0;
  #idleMs = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  start(): void {
    this.started++;
  }

  stop(): void {
    this.stopped++;
  }

  /** The sums follow the shares set at the moment; call it before changing one. */
  settle(): void {
    const tookMs = this.#now() - this.#atMs;
    this.#atMs = this.#now();
    this.#cpuMs += tookMs * this.cpuShare * this.cores;
    this.#activeMs += tookMs * this.loopShare;
    this.#idleMs += tookMs * (1 - this.loopShare);
  }

  read(): HostReading {
    this.settle();
    return {
      memory: {
        rssBytes: this.rssMb * MIB,
        heapUsedBytes: this.heapUsedMb * MIB,
        heapTotalBytes: this.heapTotalMb * MIB,
        externalBytes: 0,
        arrayBuffersBytes: 0,
        heapLimitBytes: 500 * MIB,
      },
      cpuMs: this.#cpuMs,
      loopActiveMs: this.#activeMs,
      loopIdleMs: this.#idleMs,
      delay: { p50Ms: 0, p99Ms: 0, maxMs: 0 },
      gc: {
        observing: this.started > this.stopped,
        interval: NO_GC,
        window: { ...NO_GC, p99Ms: this.gcP99Ms },
        floorBytes: undefined,
      },
      throttledMs: undefined,
      stall: { memory: undefined, cpu: undefined },
    };
  }

  loop(): LoopReading {
    this.settle();
    return { loopActiveMs: this.#activeMs, loopIdleMs: this.#idleMs };
  }

  nextInterval(): void {
    this.settle();
  }

  limits(): HostLimits {
    return {
      memory: { limitBytes: this.limitMb * MIB, source: 'cgroup-v2 memory.max' },
      cpu: { cores: this.cores, source: 'machine' },
    };
  }

  rssBytes(): number {
    return this.rssMb * MIB;
  }

  async collect(): Promise<number> {
    this.collections++;
    if (this.afterCollect === undefined) throw new Error('this build of Node has no inspector');
    this.rssMb = this.afterCollect.rssMb;
    this.heapUsedMb = this.afterCollect.heapUsedMb;
    this.heapTotalMb = this.heapUsedMb;
    return 40;
  }

  inspected(): boolean {
    return this.attached;
  }
}
