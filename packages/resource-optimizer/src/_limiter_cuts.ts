import type { ConcurrencyLimiter } from './concurrency_limiter.ts';
import type { OptimizationAction } from './report.ts';

/** A limiter cut to this share of what it allows. */
const CUT = 0.8;
/** Given back by this factor, plus one, per calm sample. */
const RESTORE = 1.1;

/** Lowers the upper ends of the attached limiters while the CPU is short, and gives them back afterwards. */
export class LimiterCuts {
  readonly #originals = new Map<ConcurrencyLimiter, number>();

  attach(limiter: ConcurrencyLimiter): () => void {
    this.#originals.set(limiter, limiter.stats().maxLimit);
    return () => {
      const original = this.#originals.get(limiter);
      if (original !== undefined) limiter.setMaxLimit(original);
      this.#originals.delete(limiter);
    };
  }

  /** Cuts every limiter; `before` and `after` are operations allowed at once. */
  cut(reason: string): OptimizationAction[] {
    return [...this.#originals.keys()].map((limiter) => {
      const before = limiter.limit;
      limiter.setMaxLimit(Math.max(1, Math.floor(before * CUT)));
      const after = limiter.limit;
      return {
        name: `limit:${limiter.name}`,
        applied: after < before,
        reason: after < before ? reason : `it allows ${before} already, its least`,
        before,
        after,
        unit: 'operations',
        costMs: 0,
      };
    });
  }

  /** One calm sample: a step back towards the original ends. */
  restore(): void {
    for (const [limiter, original] of this.#originals) {
      const { maxLimit } = limiter.stats();
      if (maxLimit < original)
        limiter.setMaxLimit(Math.min(original, Math.ceil(maxLimit * RESTORE) + 1));
    }
  }

  restoreAll(): void {
    for (const [limiter, original] of this.#originals) limiter.setMaxLimit(original);
  }
}
