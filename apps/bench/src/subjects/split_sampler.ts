import { LatencyHistogram } from '@fynlo/orchestrator/measurement';
import type { TimeSplit } from './bench_pool.ts';

/** One operation in so many is timed: what the clock costs must not be in a rival's numbers. */
const ONE_IN = 32;

/** Finds out from outside where the time of an operation goes, for a pool that does not tell it. */
export class SplitSampler {
  readonly #wait = new LatencyHistogram();
  readonly #use = new LatencyHistogram();
  readonly #create = new LatencyHistogram();
  #count = 0;

  /** Whether the next operation is one to be timed. */
  due(): boolean {
    return this.#count++ % ONE_IN === 0;
  }

  waited(ms: number): void {
    this.#wait.record(ms);
  }

  used(ms: number): void {
    this.#use.record(ms);
  }

  created(ms: number): void {
    this.#create.record(ms);
  }

  split(): TimeSplit {
    const [wait, use, create] = [this.#wait, this.#use, this.#create];
    return {
      ...(wait.count === 0
        ? {}
        : { waitP50Ms: wait.percentile(50), waitP99Ms: wait.percentile(99) }),
      ...(use.count === 0 ? {} : { useP50Ms: use.percentile(50) }),
      ...(create.count === 0 ? {} : { createP50Ms: create.percentile(50) }),
    };
  }
}
