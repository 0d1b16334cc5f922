/**
 * Counters and times of a plain `pg.Pool`, in the words of the pool contract.
 *
 * @module
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { DestroyReason, DurationSummary, PoolStats } from '@fynlo/pool-core/contract';
import type { PgPoolLike } from './pg_shapes.ts';

/** All counts are since the pool was guarded. */
export class PgPoolCounters {
  acquires = 0;
  releases = 0;
  timeouts = 0;
  rejections = 0;
  created = 0;
  createFailures = 0;
  readonly destroyed: Partial<Record<DestroyReason, number>> = {};
  readonly #wait = createHistogram();
  readonly #use = createHistogram();
  readonly #create = createHistogram();

  waited(ms: number): void {
    record(this.#wait, ms);
  }

  used(ms: number): void {
    record(this.#use, ms);
  }

  connected(ms: number): void {
    record(this.#create, ms);
  }

  countDestroyed(reason: DestroyReason): void {
    this.destroyed[reason] = (this.destroyed[reason] ?? 0) + 1;
  }

  snapshot(pool: PgPoolLike, oldestWaitMs: number): PoolStats {
    const { totalCount, idleCount, waitingCount, options } = pool;
    const leased = Math.min(this.acquires - this.releases, totalCount - idleCount);
    const max = options?.max ?? totalCount;
    return {
      at: Date.now(),
      state: pool.ended ? 'closed' : pool.ending ? 'closing' : 'ready',
      size: totalCount,
      connecting: totalCount - idleCount - leased,
      idle: idleCount,
      leased,
      resetting: 0,
      probing: 0,
      closing: 0,
      waiting: waitingCount,
      oldestWaitMs,
      min: options?.min ?? 0,
      max,
      ceiling: max,
      acquires: this.acquires,
      releases: this.releases,
      acquireTimeouts: this.timeouts,
      acquireAborts: 0,
      acquireRejections: this.rejections,
      created: this.created,
      createFailures: this.createFailures,
      destroyed: { ...this.destroyed },
      scaleUps: 0,
      scaleDowns: 0,
      wait: summarize(this.#wait),
      use: summarize(this.#use),
      create: summarize(this.#create),
    };
  }
}

/** In whole microseconds; the histogram takes nothing below 1. */
function record(histogram: RecordableHistogram, ms: number): void {
  histogram.record(Math.max(1, Math.round(ms * 1_000)));
}

function summarize(histogram: RecordableHistogram): DurationSummary {
  const { count } = histogram;
  if (count === 0) return { count: 0, mean: 0, p50: 0, p90: 0, p95: 0, p99: 0, max: 0 };
  const at = (percentile: number): number => histogram.percentile(percentile) / 1_000;
  return {
    count,
    mean: histogram.mean / 1_000,
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    max: histogram.max / 1_000,
  };
}
