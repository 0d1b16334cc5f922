/**
 * The two-sided p-value of the Mann-Whitney U test: how likely a difference in rank at least this large is when both
 * samples come from one distribution. Exact for samples up to 20 values without ties, else the normal approximation
 * with corrections for ties and continuity. 1 when a sample is empty.
 */
export function mannWhitney(a: readonly number[], b: readonly number[]): number {
  if (a.length === 0 || b.length === 0) return 1;
  const { rankSumOfA, tieTerm } = rank(a, b);
  const u = rankSumOfA - (a.length * (a.length + 1)) / 2;
  if (tieTerm === 0 && a.length <= 20 && b.length <= 20) return exact(u, a.length, b.length);
  return approximate(u, a.length, b.length, tieTerm);
}

const SIGNIFICANT = 0.05;

/** Whether a difference is taken for more than chance. */
export function isSignificant(pValue: number): boolean {
  return pValue <= SIGNIFICANT;
}

/** The p-value of fully separated samples of these sizes: where it is not significant, no difference can be. */
export function smallestPValue(n: number, m: number): number {
  let arrangements = 1;
  for (let i = 1; i <= n; i++) arrangements = (arrangements * (m + i)) / i;
  return 2 / arrangements;
}

function rank(a: readonly number[], b: readonly number[]) {
  const all = [
    ...a.map((value) => ({ value, ofA: true })),
    ...b.map((value) => ({ value, ofA: false })),
  ];
  all.sort((x, y) => x.value - y.value);
  let rankSumOfA = 0;
  let tieTerm = 0;
  for (let start = 0; start < all.length; ) {
    let end = start + 1;
    while (end < all.length && all[end]?.value === all[start]?.value) end++;
    const shared = (start + 1 + end) / 2;
    for (let i = start; i < end; i++) if (all[i]?.ofA) rankSumOfA += shared;
    tieTerm += (end - start) ** 3 - (end - start);
    start = end;
  }
  return { rankSumOfA, tieTerm };
}

function exact(u: number, n: number, m: number): number {
  const counts = arrangements(n, m);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const extreme = Math.min(u, n * m - u);
  let tail = 0;
  for (let k = 0; k <= extreme; k++) tail += counts[k] ?? 0;
  return Math.min(1, (2 * tail) / total);
}

/** By sample sizes, of which one comparison has few: a table of rows asks for the same again and again. */
const known = new Map<string, Float64Array>();

/** Counts the arrangements with each U by the recurrence N(u; n, m) = N(u - m; n - 1, m) + N(u; n, m - 1). */
function arrangements(n: number, m: number): Float64Array {
  const key = `${n} ${m}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const most = n * m;
  let rows = Array.from({ length: n + 1 }, () => new Float64Array(most + 1));
  for (const row of rows) row[0] = 1;
  for (let j = 1; j <= m; j++) {
    const next = Array.from({ length: n + 1 }, () => new Float64Array(most + 1));
    (next[0] as Float64Array)[0] = 1;
    for (let i = 1; i <= n; i++) {
      for (let k = 0; k <= most; k++) {
        const withA = k >= j ? (next[i - 1]?.[k - j] ?? 0) : 0;
        (next[i] as Float64Array)[k] = withA + (rows[i]?.[k] ?? 0);
      }
    }
    rows = next;
  }
  const counts = rows[n] as Float64Array;
  known.set(key, counts);
  return counts;
}

function approximate(u: number, n: number, m: number, tieTerm: number): number {
  const total = n + m;
  const variance = ((n * m) / 12) * (total + 1 - tieTerm / (total * (total - 1)));
  if (variance === 0) return 1;
  const z = Math.max(0, Math.abs(u - (n * m) / 2) - 0.5) / Math.sqrt(variance);
  return Math.min(1, 2 * upperTail(z));
}

/** P(Z > z) of the standard normal distribution; Abramowitz and Stegun 26.2.17, error below 7.5e-8. */
function upperTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const poly =
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly;
}
