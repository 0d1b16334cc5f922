/** A small seeded generator (mulberry32): the same seed gives the same load on every machine. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The time to the next arrival of a Poisson stream, in ms: independent callers, as pgbench's `-R` draws them. */
export function poissonGapMs(ratePerSecond: number, random: () => number): number {
  return (-Math.log(1 - random()) * 1000) / ratePerSecond;
}
