import { median } from '../statistics/median.ts';

/** What one tenth of a second of one process, or of all of them, brought. */
export interface Moment {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly answered: number;
  readonly failed: number;
  /** Connections. */
  readonly size: number;
}

export const MOMENT_MS = 100;

/** Adds up the moments of several processes. */
export function together(timelines: readonly (readonly Moment[])[]): Moment[] {
  const sums = new Map<number, Moment>();
  for (const { at, answered, failed, size } of timelines.flat()) {
    const sum = sums.get(at) ?? { at, answered: 0, failed: 0, size: 0 };
    sums.set(at, {
      at,
      answered: sum.answered + answered,
      failed: sum.failed + failed,
      size: sum.size + size,
    });
  }
  return [...sums.values()].sort((a, b) => a.at - b.at);
}

export interface Recovery {
  /** Answers a second before the fault. */
  readonly before: number;
  /** From the end of the fault to the end of the last second with less than 90 % of the answers that were due, ms. */
  readonly recoveryMs: number;
  /** Answers in the ten seconds after the fault over those that were due in ten seconds. */
  readonly throughputRatio: number;
  /** The median; a moment's peak would flatter what comes after. */
  readonly sizeBefore: number;
  readonly sizePeak: number;
  readonly sizeAfter: number;
  readonly failed: number;
}

const BACK = 0.9;
const JUDGED_MS = 10_000;

/**
 * How a service came through a fault that lasted from `fromMs` to `toMs`. Judged by the rate of its requests, not by the answers
 * of the moments before: these have been more, as a load that starts up is behind and catches up, and then no service recovers.
 *
 * @param duePerSecond requests, before, during and after the fault
 */
export function recoveryOf(
  moments: readonly Moment[],
  duePerSecond: number,
  fromMs: number,
  toMs: number,
): Recovery {
  const calm = moments.filter(({ at }) => at + MOMENT_MS <= fromMs);
  const after = moments.filter(({ at }) => at >= toMs);
  const before = (sumOf(calm, 'answered') / (calm.length * MOMENT_MS)) * 1000;
  let recoveryMs = 0;
  const second = 1000 / MOMENT_MS;
  for (let i = 0; i + second <= after.length; i += second) {
    const answered = sumOf(after.slice(i, i + second), 'answered');
    if (answered < BACK * duePerSecond) recoveryMs = (i + second) * MOMENT_MS;
  }
  const judged = after.slice(0, JUDGED_MS / MOMENT_MS);
  const fault = moments.filter(({ at }) => at >= fromMs);
  return {
    before,
    recoveryMs,
    throughputRatio: sumOf(judged, 'answered') / (duePerSecond * (JUDGED_MS / 1000)),
    sizeBefore: calm.length === 0 ? Number.NaN : median(calm.map(({ size }) => size)),
    sizePeak: Math.max(0, ...fault.map(({ size }) => size)),
    sizeAfter: after.at(-1)?.size ?? 0,
    failed: sumOf(fault, 'failed'),
  };
}

function sumOf(moments: readonly Moment[], field: 'answered' | 'failed'): number {
  return moments.reduce((sum, moment) => sum + moment[field], 0);
}
