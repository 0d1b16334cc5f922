/** One thing to be timed: synchronous, and it gives something back, so that nothing of it can be optimised away. */
export interface MicroCase {
  readonly name: string;
  /** Makes what is timed anew. `run` does `1` operation and returns a number that `check` can judge. */
  make(): Promise<{ run(): number; check(sum: number, runs: number): boolean }>;
}

/** Cases that do the same work in different ways; the first is ours. */
export interface MicroSuite {
  readonly name: string;
  readonly question: string;
  readonly cases: readonly MicroCase[];
}
