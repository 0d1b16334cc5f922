import Benchmark from 'benchmark';
import type { MicroCase } from './micro_suite.ts';

export interface MicroTiming {
  readonly name: string;
  readonly opsPerSecond: number;
  /** As benchmark.js prints it: what github-action-benchmark's `benchmarkjs` tool reads. */
  readonly text: string;
}

/**
 * Times the cases one after the other in this process, with the npm package `benchmark`.
 *
 * @throws Error when one throws, or when what its runs gave back is not what they should have: benchmark.js itself
 * would go on in both cases and report a number
 */
export async function timeCases(
  cases: readonly MicroCase[],
  maxSeconds: number,
): Promise<MicroTiming[]> {
  const timings: MicroTiming[] = [];
  for (const { name, make } of cases) {
    const { run, check } = await make();
    let sum = 0;
    let runs = 0;
    const benchmark = new Benchmark(
      name,
      () => {
        runs++;
        sum += run();
      },
      { maxTime: maxSeconds },
    );
    const error = thrownBy(benchmark);
    if (error !== undefined) throw new Error(`${name} threw: ${error.message}`, { cause: error });
    if (runs === 0 || !check(sum, runs))
      throw new Error(`${name} did not do its work: ${sum} of ${runs}`);
    timings.push({ name, opsPerSecond: benchmark.hz, text: String(benchmark) });
  }
  return timings;
}

/** Runs it. What a case throws is thrown on in the first runs, and later only kept: the exit code would stay 0. */
function thrownBy(benchmark: Benchmark): Error | undefined {
  try {
    benchmark.run();
  } catch (error) {
    return error as Error;
  }
  return (benchmark as unknown as { error?: Error }).error;
}
