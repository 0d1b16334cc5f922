import type { TrimConfig, TrimDecision } from './_trim_policy.ts';
import { decideTrim } from './_trim_policy.ts';
import type { Clock } from './clock.ts';
import type { HostProbe, HostReading } from './host_probe.ts';
import type { PressureLevel } from './pressure_policy.ts';
import type { OptimizationAction } from './report.ts';
import { noAction } from './report.ts';

const MIB = 1024 * 1024;
/** V8 gives pages back from a thread of its own: the resident set is read until it stops falling. */
const SETTLE_STEP_MS = 50;
const SETTLE_STEPS = 10;

/**
 * Gives memory back to the system after a burst. V8 keeps the pages of a burst for as long as nothing else happens (measured:
 * 350–380 MB stayed until the end of watching); one full collection in an idle moment returns them.
 */
export class MemoryTrimmer {
  readonly #host: HostProbe;
  readonly #clock: Clock;
  readonly #config: TrimConfig;
  #floorBytes: number | undefined;
  #lastTrimMs: number | undefined;
  #poorTrims = 0;
  #trimming = false;

  constructor(host: HostProbe, clock: Clock, config: TrimConfig) {
    this.#host = host;
    this.#clock = clock;
    this.#config = config;
  }

  /**
   * What a full collection might give back: used now over the lowest that was left after a collection since the last
   * trim, and pages held but empty. An upper bound: a cache that grew counts as garbage until the next trim knows better.
   */
  estimate(reading: HostReading): number {
    const { heapUsedBytes, heapTotalBytes } = reading.memory;
    const used = usedBytes(reading);
    const floor = Math.min(used, this.#floorBytes ?? used, reading.gc.floorBytes ?? used);
    this.#floorBytes = floor;
    return used - floor + Math.max(0, heapTotalBytes - heapUsedBytes);
  }

  decide(
    reading: HostReading,
    level: PressureLevel,
    utilization: number,
    relievedBytes: number = 0,
  ): TrimDecision {
    const reclaimableBytes = this.estimate(reading) + relievedBytes;
    if (this.#trimming) return { trim: false, reason: 'a trim is under way' };
    return decideTrim(
      {
        level,
        utilization,
        reclaimableBytes,
        liveBytes: this.#floorBytes ?? 0,
        sinceLastTrimMs:
          this.#lastTrimMs === undefined ? undefined : this.#clock.now() - this.#lastTrimMs,
        poorTrims: this.#poorTrims,
        inspected: this.#host.inspected(),
      },
      this.#config,
    );
  }

  /** Trims if `decision` says so; measured on the resident set, the cost is the stop. */
  async act(
    name: string,
    decision: TrimDecision,
    expectedBytes: number,
  ): Promise<OptimizationAction> {
    const before = this.#host.rssBytes();
    if (!decision.trim) return noAction(name, decision.reason, before, 'bytes');
    this.#trimming = true;
    try {
      const costMs = await this.#host.collect();
      this.#lastTrimMs = this.#clock.now();
      const after = await this.#settledRss();
      this.#poorTrims = before - after < expectedBytes / 4 ? this.#poorTrims + 1 : 0;
      // What is left now is alive: the estimate begins anew from it.
      this.#floorBytes = undefined;
      const freed = Math.round((before - after) / MIB);
      return {
        name,
        applied: true,
        reason: `${decision.reason}; ${freed} MiB went back to the system`,
        before,
        after,
        unit: 'bytes',
        costMs,
      };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return noAction(name, `the collection failed: ${text}`, before, 'bytes');
    } finally {
      this.#trimming = false;
    }
  }

  async #settledRss(): Promise<number> {
    let rss = this.#host.rssBytes();
    for (let step = 0; step < SETTLE_STEPS; step++) {
      await new Promise<void>((resolve) => {
        this.#clock.setTimeout(resolve, SETTLE_STEP_MS, { ref: true });
      });
      const now = this.#host.rssBytes();
      const falling = now < rss - MIB;
      rss = now;
      // At least two looks: the first page may take its time.
      if (!falling && step > 0) break;
    }
    return rss;
  }
}

function usedBytes(reading: HostReading): number {
  return reading.memory.heapUsedBytes + reading.memory.externalBytes;
}
