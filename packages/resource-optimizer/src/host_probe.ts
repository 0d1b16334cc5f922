import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { ReadText } from './_cgroup.ts';
import { parseThrottledMs, readCgroup } from './_cgroup.ts';
import type { CpuLimit } from './cpu_limit.ts';
import { cpuLimit } from './cpu_limit.ts';
import type { GcSummary } from './gc_counter.ts';
import { GcCounter } from './gc_counter.ts';
import type { LoopDelayReading } from './loop_delay.ts';
import { LoopDelay } from './loop_delay.ts';
import type { MemoryLimit, MemoryLimitCandidate } from './memory_limit.ts';
import { memoryLimit } from './memory_limit.ts';
import type { PressureStall } from './pressure_stall.ts';
import { parsePressureStall } from './pressure_stall.ts';

/** Sizes of this process in bytes. */
export interface MemoryReading {
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  readonly heapTotalBytes: number;
  /** Memory outside the heap that V8 accounts for, array buffers included. */
  readonly externalBytes: number;
  readonly arrayBuffersBytes: number;
  readonly heapLimitBytes: number;
}

/** How long the event loop was busy and asleep since the process began. */
export interface LoopReading {
  readonly loopActiveMs: number;
  readonly loopIdleMs: number;
}

/** One look at the process. Sums are since the process began; `delay` and `gc.interval` since `nextInterval()`. */
export interface HostReading extends LoopReading {
  readonly memory: MemoryReading;
  /** User and system time of all threads, in ms. */
  readonly cpuMs: number;
  readonly delay: LoopDelayReading;
  readonly gc: {
    /** False until `start()`: then nothing was counted. */
    readonly observing: boolean;
    readonly interval: GcSummary;
    /** The last 30 to 60 intervals. */
    readonly window: GcSummary;
    /** Heap and external bytes just after the last major collection; `undefined` before the first. */
    readonly floorBytes: number | undefined;
  };
  /** Time the group's CPU quota kept it from running, in ms; `undefined` where there is no quota. */
  readonly throttledMs: number | undefined;
  readonly stall: {
    readonly memory: PressureStall | undefined;
    readonly cpu: PressureStall | undefined;
  };
}

export interface HostLimits {
  readonly memory: MemoryLimit;
  readonly cpu: CpuLimit;
}

/** Where the optimizer's numbers come from. */
export interface HostProbe {
  start(): void;
  /** Looks, and changes nothing. */
  read(): HostReading;
  /** Just the loop: well under a microsecond, for every request. */
  loop(): LoopReading;
  /** Begins a new interval. */
  nextInterval(): void;
  limits(): HostLimits;
  /** Just the resident set, for measuring an action: cheaper than a whole reading. */
  rssBytes(): number;
  /** A full collection, now; resolves to how long it stopped the program, in ms. Rejects where it cannot be had. */
  collect(): Promise<number>;
  /** Whether a debugger or profiler is attached from outside. */
  inspected(): boolean;
  stop(): void;
}

/** Limits can be changed on a running container; a walk through the groups is some 100 µs. */
const LIMITS_EVERY = 30;
/** Intervals in half a window. */
const ROTATE_EVERY = 30;

/** The real process on the real machine. One full reading takes about a tenth of a millisecond. */
export function systemHostProbe(read: ReadText = readText): HostProbe {
  return new SystemHostProbe(read);
}

class SystemHostProbe implements HostProbe {
  readonly #readText: ReadText;
  readonly #gc: GcCounter;
  readonly #delay = new LoopDelay();
  #limits: HostLimits | undefined;
  #paths: { cpuStat?: string; memoryPressure?: string; cpuPressure?: string } = {};
  #intervals = 0;
  #observing = false;
  #floorBytes: number | undefined;

  constructor(read: ReadText) {
    this.#readText = read;
    this.#gc = new GcCounter((kind) => {
      if (kind !== 'major') return;
      const { heapUsed, external } = process.memoryUsage();
      this.#floorBytes = heapUsed + external;
    });
  }

  start(): void {
    if (this.#observing) return;
    this.#observing = true;
    this.#gc.start();
    this.#delay.start();
  }

  stop(): void {
    this.#observing = false;
    this.#gc.stop();
    this.#delay.stop();
  }

  read(): HostReading {
    const { user, system } = process.cpuUsage();
    this.limits();
    return {
      memory: readMemory(),
      cpuMs: (user + system) / 1e3,
      ...this.loop(),
      delay: this.#delay.read(),
      gc: {
        observing: this.#observing,
        interval: this.#gc.interval(),
        window: this.#gc.window(),
        floorBytes: this.#floorBytes,
      },
      throttledMs: parseThrottledMs(this.#text(this.#paths.cpuStat)),
      stall: {
        memory: parsePressureStall(this.#text(this.#paths.memoryPressure)),
        cpu: parsePressureStall(this.#text(this.#paths.cpuPressure)),
      },
    };
  }

  loop(): LoopReading {
    const { active, idle } = performance.eventLoopUtilization();
    return { loopActiveMs: active, loopIdleMs: idle };
  }

  nextInterval(): void {
    this.#gc.nextInterval();
    this.#delay.nextInterval();
    this.#intervals++;
    if (this.#intervals % ROTATE_EVERY === 0) this.#gc.rotate();
    if (this.#intervals % LIMITS_EVERY === 0) this.#limits = undefined;
  }

  limits(): HostLimits {
    if (this.#limits !== undefined) return this.#limits;
    const group = readCgroup(this.#readText);
    const candidates: MemoryLimitCandidate[] = [...group.memory];
    // libuv knows of limits elsewhere (other systems, other mounts). It reads files too, hence not at every sample.
    const constrained = process.constrainedMemory();
    if (Number.isSafeInteger(constrained)) {
      candidates.push({ source: 'runtime constraint', text: String(constrained) });
    }
    const cpu = cpuLimit(availableParallelism(), group.cpu);
    this.#paths = {
      // Without a quota nothing is throttled.
      ...(cpu.source !== 'machine' &&
        group.cpuStatPath !== undefined && { cpuStat: group.cpuStatPath }),
      ...(group.memoryPressurePath !== undefined && { memoryPressure: group.memoryPressurePath }),
      ...(group.cpuPressurePath !== undefined && { cpuPressure: group.cpuPressurePath }),
    };
    this.#limits = {
      memory: memoryLimit(totalmem(), candidates),
      cpu,
    };
    return this.#limits;
  }

  rssBytes(): number {
    return process.memoryUsage.rss();
  }

  async collect(): Promise<number> {
    // Through the inspector because it is the one collection that a process without flags can ask for and that gives pages
    // back to the system. Some builds of Node have none.
    const inspector = process.getBuiltinModule('node:inspector');
    if (inspector === undefined) throw new Error('this build of Node has no inspector');
    const session = new inspector.Session();
    session.connect();
    try {
      const before = performance.now();
      await new Promise<void>((resolve, reject) => {
        session.post('HeapProfiler.collectGarbage', (error) => {
          if (error === null) resolve();
          else reject(error);
        });
      });
      return performance.now() - before;
    } finally {
      session.disconnect();
    }
  }

  inspected(): boolean {
    return process.getBuiltinModule('node:inspector')?.url() !== undefined;
  }

  #text(path: string | undefined): string | undefined {
    return path === undefined ? undefined : this.#readText(path);
  }
}

function readMemory(): MemoryReading {
  const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
  return {
    rssBytes: rss,
    heapUsedBytes: heapUsed,
    heapTotalBytes: heapTotal,
    externalBytes: external,
    arrayBuffersBytes: arrayBuffers,
    heapLimitBytes: getHeapStatistics().heap_size_limit,
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Not there, not ours to read, or no such system: all mean that nothing is stated.
    return undefined;
  }
}
