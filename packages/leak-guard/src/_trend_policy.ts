/**
 * Whether a short noisy series goes up, and how steeply.
 *
 * Mann–Kendall says whether (it asks only for order, so one burst does not count more than one small step); Theil–Sen
 * says how steeply (the median of all pairwise slopes; up to 29 % of the points may be wild).
 *
 * @module
 */

/** One point: time in ms, value, and the load at that time. */
export interface TrendPoint {
  readonly t: number;
  readonly y: number;
  readonly load: number;
}

export interface TrendLimits {
  readonly minPoints: number;
  readonly alpha: number;
  /** In the unit of `y`. */
  readonly minGrowth: number;
}

export interface Trend {
  readonly rising: boolean;
  /** Chance of as clear an order in noise, one-sided. */
  readonly p: number;
  /** Per ms, over all points. */
  readonly slope: number;
  /** Per ms, over the newer half. */
  readonly recentSlope: number;
  /** `slope` times the time covered. */
  readonly growth: number;
}

/** Growth below this share of the series' start is never a trend. */
const MIN_GROWTH_SHARE = 0.05;
/** The newer half must rise at this share of the whole's slope, or the series is levelling out. */
const STILL_RISING = 0.6;
const NONE: Trend = { rising: false, p: 1, slope: 0, recentSlope: 0, growth: 0 };

/** One-sided p of an upward order among `y`; the normal approximation, good from 8 points on. */
export function mannKendall(y: readonly number[]): number {
  const n = y.length;
  let s = 0;
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) s += Math.sign((y[j] ?? 0) - (y[i] ?? 0));
  }
  const variance = (n * (n - 1) * (2 * n + 5)) / 18;
  const z = s === 0 ? 0 : (s - Math.sign(s)) / Math.sqrt(variance);
  return 1 - normalCdf(z);
}

/** Median and 10th percentile of the slopes of all pairs of points. */
export function theilSen(points: readonly TrendPoint[]): { slope: number; low: number } {
  const slopes: number[] = [];
  for (const [i, a] of points.entries()) {
    for (let j = i + 1; j < points.length; j++) {
      const b = points[j];
      if (b !== undefined && b.t !== a.t) slopes.push((b.y - a.y) / (b.t - a.t));
    }
  }
  if (slopes.length === 0) return { slope: 0, low: 0 };
  const sorted = Float64Array.from(slopes).sort();
  return {
    slope: sorted[sorted.length >> 1] ?? 0,
    low: sorted[Math.floor(sorted.length * 0.1)] ?? 0,
  };
}

/** Judges the whole series and its newer half: both must rise, and by enough to matter. */
export function findTrend(points: readonly TrendPoint[], limits: TrendLimits): Trend {
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined || points.length < limits.minPoints) return NONE;
  const p = mannKendall(points.map((point) => point.y));
  if (p >= limits.alpha) return { ...NONE, p };
  const whole = theilSen(points);
  const newer = points.slice(-Math.max(5, Math.ceil(points.length / 2)));
  const recentSlope = theilSen(newer).slope;
  const growth = whole.slope * (last.t - first.t);
  const enough = Math.max(limits.minGrowth, MIN_GROWTH_SHARE * Math.max(1, first.y));
  const rising =
    whole.low > 0 &&
    growth > enough &&
    recentSlope > STILL_RISING * whole.slope &&
    mannKendall(newer.map((point) => point.y)) < 0.06;
  return { rising, p, slope: whole.slope, recentSlope, growth };
}

/**
 * Takes out of `y` what the load explains, when load and time together explain it much better than time alone; else
 * gives the points back as they are. Ordinary least squares with two regressors.
 */
export function withoutLoad(points: readonly TrendPoint[]): readonly TrendPoint[] {
  const n = points.length;
  const mean = (of: (p: TrendPoint) => number): number => points.reduce((a, p) => a + of(p), 0) / n;
  const mt = mean((p) => p.t);
  const my = mean((p) => p.y);
  const ml = mean((p) => p.load);
  let tt = 0;
  let ll = 0;
  let tl = 0;
  let ty = 0;
  let ly = 0;
  for (const { t, y, load } of points) {
    tt += (t - mt) ** 2;
    ll += (load - ml) ** 2;
    tl += (t - mt) * (load - ml);
    ty += (t - mt) * (y - my);
    ly += (load - ml) * (y - my);
  }
  const steady = Math.sqrt(ll / n) < 0.05 * Math.abs(ml);
  const determinant = tt * ll - tl * tl;
  if (ll === 0 || steady || determinant < 1e-6 * tt * ll) return points;
  const perLoad = (ly * tt - ty * tl) / determinant;
  const perTime = (ty * ll - ly * tl) / determinant;
  if (perLoad <= 0) return points;
  const perTimeAlone = ty / tt;
  let residual = 0;
  let residualAlone = 0;
  for (const { t, y, load } of points) {
    residual += (y - my - perTime * (t - mt) - perLoad * (load - ml)) ** 2;
    residualAlone += (y - my - perTimeAlone * (t - mt)) ** 2;
  }
  if (residual >= 0.7 * residualAlone) return points;
  return points.map(({ t, y, load }) => ({ t, y: y - perLoad * (load - ml), load }));
}

/** Abramowitz and Stegun 26.2.17, error below 7.5e-8. */
function normalCdf(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const density = 0.3989422804 * Math.exp((-z * z) / 2);
  const tail =
    density *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z > 0 ? 1 - tail : tail;
}
