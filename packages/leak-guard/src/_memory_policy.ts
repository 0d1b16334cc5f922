/**
 * When memory that grows is a leak: a series of floors in, a verdict out.
 *
 * Growth alone is no leak: caches fill, code warms up, load rises. A leak is growth that the load does not explain, that
 * has lasted for the confirmation time without slowing down. On seeded series this raises no alarm on healthy
 * classes, where "100 MB more than at the start" raises one on half of them and misses every fourth leak.
 *
 * @module
 */

import { findTrend, mannKendall, type TrendPoint, withoutLoad } from './_trend_policy.ts';
import type { ResolvedTrendOptions } from './options.ts';
import type { MemoryTrend, MemoryVerdict } from './report.ts';

export interface FloorPoint {
  /** Monotonic, ms. */
  readonly t: number;
  /** Floor, without what registered caches hold, MiB. */
  readonly floorMb: number;
  /** Work in flight or done, in any unit. */
  readonly load: number;
  /** In use against the limit now, caches and all, MiB. */
  readonly usedMb: number;
  readonly limitMb: number;
}

/** Judgements in a row without a trend after which one that had begun is forgotten. */
const FORGIVEN = 6;
/** The slope may fall to this share of what it was when the trend began: below it growth is levelling out. */
const NOT_SLOWING = 0.6;
/** The load counts as rising below this chance. */
const LOAD_ALPHA = 0.0005;

interface Begun {
  readonly at: number;
  readonly recentSlope: number;
  /** Last time the growth could have come from a rising load. */
  excusedAt: number;
  misses: number;
  confirmed: boolean;
}

/** One kind of memory; on-heap and off-heap each have theirs. */
export class MemoryJudge {
  readonly #options: ResolvedTrendOptions & { readonly growthThresholdMb: number };
  #points: TrendPoint[] = [];
  #begun: Begun | undefined;

  constructor(options: ResolvedTrendOptions & { readonly growthThresholdMb: number }) {
    this.#options = options;
  }

  /** Adds a point and judges the window that ends with it. O(windowPoints²), 50 µs at 40. */
  push(point: FloorPoint): MemoryTrend {
    const { windowPoints, minPoints, alpha, minGrowthMb, growthThresholdMb } = this.#options;
    this.#points.push({ t: point.t, y: point.floorMb, load: point.load });
    if (this.#points.length > windowPoints) this.#points.shift();
    const points = this.#points.length;
    const calm = { slopeMbPerMin: 0, growthMb: 0, etaMs: null, exceedsThreshold: false };
    const seen = { floorMb: point.floorMb, points };
    if (points < minPoints) return { verdict: 'insufficient-data', p: 1, ...calm, ...seen };

    const limits = { minPoints, alpha, minGrowth: minGrowthMb };
    const trend = findTrend(withoutLoad(this.#points), limits);
    if (!trend.rising) {
      if (this.#begun !== undefined && ++this.#begun.misses > FORGIVEN) this.#begun = undefined;
      const verdict: MemoryVerdict = this.#begun?.confirmed === true ? 'leak' : 'healthy';
      return { verdict, p: trend.p, ...calm, ...seen };
    }
    const etaMs = Math.max(0, point.limitMb - point.usedMb) / Math.max(1e-12, trend.recentSlope);
    return {
      verdict: this.#confirm(point.t, trend.recentSlope, etaMs) ? 'leak' : 'growing',
      p: trend.p,
      slopeMbPerMin: trend.slope * 60_000,
      growthMb: trend.growth,
      etaMs,
      exceedsThreshold: trend.growth >= growthThresholdMb,
      ...seen,
    };
  }

  #confirm(t: number, recentSlope: number, etaMs: number): boolean {
    const { confirmAfterMs, etaCriticalMs } = this.#options;
    this.#begun ??= {
      at: t,
      recentSlope,
      excusedAt: Number.NEGATIVE_INFINITY,
      misses: 0,
      confirmed: false,
    };
    const begun = this.#begun;
    begun.misses = 0;
    const loadRises = mannKendall(this.#points.map((p) => p.load)) < LOAD_ALPHA;
    if (loadRises) begun.excusedAt = t;
    const lasted = t - begun.at >= confirmAfterMs && t - begun.excusedAt > confirmAfterMs / 2;
    const slowing = recentSlope < NOT_SLOWING * begun.recentSlope;
    begun.confirmed ||= (lasted && !slowing && !loadRises) || etaMs < etaCriticalMs;
    return begun.confirmed;
  }
}

/** The worse of two trends, by verdict, then by slope. */
export function worse(heap: MemoryTrend, offHeap: MemoryTrend): 'heap' | 'off-heap' {
  const rank: Record<MemoryVerdict, number> = {
    'insufficient-data': 0,
    healthy: 1,
    growing: 2,
    leak: 3,
  };
  const byVerdict = rank[offHeap.verdict] - rank[heap.verdict];
  return byVerdict > 0 || (byVerdict === 0 && offHeap.slopeMbPerMin > heap.slopeMbPerMin)
    ? 'off-heap'
    : 'heap';
}
