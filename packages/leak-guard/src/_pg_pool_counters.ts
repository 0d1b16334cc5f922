/**
 * Counters and times of a plain `pg.Pool`, in the words of the pool contract.
 *
 * @module
 */
import type { DestroyReason, PoolStats } from '@fynlo/pool-core/contract';
import { DurationHistogram } from './_duration_histogram.ts';
import type { PgPoolLike } from './pg_shapes.ts';

/** All counts are of the times when somebody observed the pool. */
export class PgPoolCounters {
  acquires = 0;
  releases = 0;
  timeouts = 0;
  rejections = 0;
  created = 0;
  createFailures = 0;
  readonly destroyed: Partial<Record<DestroyReason, number>> = {};
  readonly wait: DurationHistogram = new DurationHistogram();
  readonly use: DurationHistogram = new DurationHistogram();
  readonly create: DurationHistogram = new DurationHistogram();

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
      wait: this.wait.summary(),
      use: this.use.summary(),
      create: this.create.summary(),
    };
  }
}
