/**
 * What a pool has counted so far, and the running means that its policies ask for. Every update is O(1).
 *
 * @module
 */
import type { DestroyReason } from './contract.ts';
import { Histogram } from './histogram.ts';

/** A reading of the running sums, to take differences from. */
export interface Reading {
  readonly at: number;
  readonly leasedMs: number;
  readonly releases: number;
  readonly created: number;
  readonly heldMs: number;
}

/** Counters, durations and time-weighted sums of one pool. Written by its mechanism only. */
export class Meter {
  acquires = 0;
  releases = 0;
  acquireTimeouts = 0;
  acquireAborts = 0;
  acquireRejections = 0;
  created = 0;
  createFailures = 0;
  readonly destroyed: Partial<Record<DestroyReason, number>> = {};
  readonly wait: Histogram = new Histogram();
  readonly use: Histogram = new Histogram();
  readonly create: Histogram = new Histogram();

  /** Running mean of the connect time, ms; undefined before the first connect. */
  connectMs: number | undefined = undefined;

  /** When a lease last ended (monotonic ms). */
  lastReleaseAt = 0;

  readonly #meanWeight: number;
  // A field that may be undefined as well would make a new object of each number.
  #holdMs = 0;
  #leased = 0;
  #leasedSince = 0;
  #leasedMs = 0;

  /** @param meanWeight of the newest sample in the running means */
  constructor(meanWeight: number) {
    this.#meanWeight = meanWeight;
  }

  /** Running mean of the hold time, ms; undefined before the first release. */
  get holdMs(): number | undefined {
    return this.releases === 0 ? undefined : this.#holdMs;
  }

  /** A lease began that followed no other on its connection in the same tick; one of a lane that was without a query has one. */
  leaseBegan(now: number): void {
    this.#leasedMs += this.#leased * (now - this.#leasedSince);
    this.#leasedSince = now;
    this.#leased++;
  }

  /** A lease ended that no other followed in the same tick; one of a lane is without a query: that is no use of a connection. */
  leaseEnded(now: number): void {
    this.#leasedMs += this.#leased * (now - this.#leasedSince);
    this.#leasedSince = now;
    this.#leased--;
  }

  granted(waitedMs: number): void {
    this.acquires++;
    this.wait.record(waitedMs);
  }

  returned(leasedAt: number, heldMs: number): void {
    this.lastReleaseAt = leasedAt + heldMs;
    this.use.record(heldMs);
    this.#holdMs += (this.releases++ === 0 ? 1 : this.#meanWeight) * (heldMs - this.#holdMs);
  }

  connected(tookMs: number): void {
    this.created++;
    this.create.record(tookMs);
    const mean = this.connectMs;
    this.connectMs = mean === undefined ? tookMs : mean + this.#meanWeight * (tookMs - mean);
  }

  closed(reason: DestroyReason): void {
    this.destroyed[reason] = (this.destroyed[reason] ?? 0) + 1;
  }

  /** The sums since the pool was made: the difference of two readings is a window. */
  read(now: number): Reading {
    return {
      at: now,
      // Over time, its difference is L.
      leasedMs: this.#leasedMs + this.#leased * (now - this.#leasedSince),
      releases: this.releases,
      created: this.created,
      heldMs: this.use.sum,
    };
  }
}
