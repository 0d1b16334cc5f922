import { getHeapStatistics } from 'node:v8';

/** What a client process spent. */
export interface Cost {
  readonly cpuMicros: number;
  /** Of one core. */
  readonly cpuPercent: number;
  readonly rssPeakMb: number;
  /**
   * What was seen to be allocated on the heap: the sum of its rises between two looks 2 ms apart. A collection between
   * two looks hides what was allocated since the first, so it is a lower bound.
   */
  readonly allocatedBytes: number;
  readonly elapsedMs: number;
}

/** A look at the heap costs 0.3 us; at the resident set, 9 us, so that is looked at each tenth time. */
const LOOK_MS = 2;
const RSS_EVERY = 10;

/** Watches what the client process itself spends from `start` to `stop`. */
export class ClientCost {
  #cpu = process.cpuUsage();
  #startedAt = performance.now();
  #rssPeak = 0;
  #allocated = 0;
  #heap = 0;
  #looks = 0;
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    this.#cpu = process.cpuUsage();
    this.#startedAt = performance.now();
    this.#rssPeak = process.memoryUsage.rss();
    this.#heap = getHeapStatistics().used_heap_size;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  stop(): Cost {
    clearInterval(this.#timer);
    const { user, system } = process.cpuUsage(this.#cpu);
    const elapsedMs = performance.now() - this.#startedAt;
    this.#look();
    this.#rssPeak = Math.max(this.#rssPeak, process.memoryUsage.rss());
    const cpuMicros = user + system;
    return {
      cpuMicros,
      cpuPercent: cpuMicros / elapsedMs / 10,
      rssPeakMb: this.#rssPeak / 2 ** 20,
      allocatedBytes: this.#allocated,
      elapsedMs,
    };
  }

  #look(): void {
    const heap = getHeapStatistics().used_heap_size;
    this.#allocated += Math.max(0, heap - this.#heap);
    this.#heap = heap;
    if (++this.#looks % RSS_EVERY === 0) {
      this.#rssPeak = Math.max(this.#rssPeak, process.memoryUsage.rss());
    }
  }
}
