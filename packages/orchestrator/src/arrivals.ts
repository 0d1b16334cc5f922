import { exponential, type Random } from './seeded_random.ts';

/** A stretch of load: the rate goes in a straight line from `fromPerSecond` to `toPerSecond`. */
export interface LoadSegment {
  readonly forMs: number;
  readonly fromPerSecond: number;
  readonly toPerSecond: number;
}

export function steady(forMs: number, perSecond: number): LoadSegment {
  return { forMs, fromPerSecond: perSecond, toPerSecond: perSecond };
}

export function ramp(forMs: number, fromPerSecond: number, toPerSecond: number): LoadSegment {
  return { forMs, fromPerSecond, toPerSecond };
}

/** The rate the segments ask for at `atMs`; 0 after their end. */
export function rateAt(segments: readonly LoadSegment[], atMs: number): number {
  let start = 0;
  for (const { forMs, fromPerSecond, toPerSecond } of segments) {
    if (atMs < start + forMs) {
      return fromPerSecond + ((toPerSecond - fromPerSecond) * (atMs - start)) / forMs;
    }
    start += forMs;
  }
  return 0;
}

export function lengthMs(segments: readonly LoadSegment[]): number {
  return segments.reduce((sum, segment) => sum + segment.forMs, 0);
}

/**
 * When the requests are due, in ms from the start: a Poisson process whose rate follows the segments, by thinning
 * (Lewis and Shedler, 1979). Independent users arrive like this; evenly spaced arrivals would flatter every queue.
 */
export function arrivals(segments: readonly LoadSegment[], random: Random): Float64Array {
  const peak = Math.max(0, ...segments.flatMap((s) => [s.fromPerSecond, s.toPerSecond]));
  const due: number[] = [];
  const end = lengthMs(segments);
  if (peak > 0) {
    for (
      let at = exponential(random, 1000 / peak);
      at < end;
      at += exponential(random, 1000 / peak)
    ) {
      if (random() * peak < rateAt(segments, at)) due.push(at);
    }
  }
  return Float64Array.from(due);
}
