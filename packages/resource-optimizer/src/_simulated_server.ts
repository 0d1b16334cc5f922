import { VegasLimit } from './vegas_limit.ts';

/** A seeded generator (mulberry32), 0..1: the same load every time. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface SimulationInput {
  readonly limit: VegasLimit;
  /** Operations the server works on at once; the others queue there, first come first served. */
  readonly cores: number;
  /** Callers that each begin anew when they are done. */
  readonly callers: (nowMs: number) => number;
  /** How long one operation keeps a core busy, drawn anew for each, in ms. */
  readonly serviceMs: (nowMs: number) => number;
  readonly untilMs: number;
  readonly fromMs?: number;
}

export interface SimulationResult {
  readonly completed: number;
  /** Limits after each operation. */
  readonly least: number;
  readonly most: number;
  readonly meanLimit: number;
  readonly maxInFlight: number;
}

/** Runs callers against a server in virtual time, held back by the limit. */
export function simulate(input: SimulationInput): SimulationResult {
  const { limit, cores, callers, serviceMs, untilMs } = input;
  let now = input.fromMs ?? 0;
  const coreFreeAt: number[] = Array.from({ length: cores }, () => now);
  const ends: { at: number; startedAt: number }[] = [];
  let completed = 0;
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  let sum = 0;
  let maxInFlight = 0;
  while (now < untilMs) {
    while (ends.length < Math.min(limit.limit, callers(now))) {
      const core = coreFreeAt.indexOf(Math.min(...coreFreeAt));
      const begins = Math.max(now, coreFreeAt[core] ?? now);
      const at = begins + serviceMs(now);
      coreFreeAt[core] = at;
      ends.push({ at, startedAt: now });
    }
    maxInFlight = Math.max(maxInFlight, ends.length);
    const first = ends.reduce((a, b) => (b.at < a.at ? b : a));
    const inFlight = ends.length;
    ends.splice(ends.indexOf(first), 1);
    now = first.at;
    limit.sample(now - first.startedAt, inFlight, now);
    completed++;
    sum += limit.limit;
    least = Math.min(least, limit.limit);
    most = Math.max(most, limit.limit);
  }
  return { completed, least, most, meanLimit: sum / completed, maxInFlight };
}

/** A limit with the defaults of the limiter. */
export function vegas(maxLimit: number, initialLimit: number = 8): VegasLimit {
  return new VegasLimit({
    minLimit: 1,
    maxLimit,
    initialLimit,
    windowMs: 200,
    minSamples: 20,
    probeEvery: 60,
  });
}
