/** Times the cases of one suite in this process, with the npm package `benchmark`. Started by `micro_runner.ts`. */
import Benchmark from 'benchmark';
import { MICRO_SUITES } from './suites.ts';

export interface MicroOrder {
  readonly suite: string;
  /** Names in the order to be run. */
  readonly cases: readonly string[];
  readonly maxSeconds: number;
}

export interface MicroTiming {
  readonly name: string;
  readonly opsPerSecond: number;
  /** As benchmark.js prints it: what github-action-benchmark's `benchmarkjs` tool reads. */
  readonly text: string;
}

export type MicroReply =
  | { readonly kind: 'timings'; readonly timings: readonly MicroTiming[] }
  | { readonly kind: 'failed'; readonly message: string };

async function time({ suite: name, cases, maxSeconds }: MicroOrder): Promise<MicroTiming[]> {
  const suite = MICRO_SUITES.find((candidate) => candidate.name === name);
  const timings: MicroTiming[] = [];
  for (const caseName of cases) {
    const found = suite?.cases.find((candidate) => candidate.name === caseName);
    if (found === undefined) throw new Error(`No case ${caseName} in ${name}`);
    const { run, check } = await found.make();
    let sum = 0;
    let runs = 0;
    const benchmark = new Benchmark(
      caseName,
      () => {
        runs++;
        sum += run();
      },
      { maxTime: maxSeconds },
    );
    benchmark.run();
    // benchmark.js swallows what a case throws: it only shows here, and the exit code stays 0.
    const { error } = benchmark as unknown as { error?: Error };
    if (error !== undefined)
      throw new Error(`${caseName} threw: ${error.message}`, { cause: error });
    if (!check(sum, runs)) throw new Error(`${caseName} did not do its work: ${sum} of ${runs}`);
    timings.push({ name: caseName, opsPerSecond: benchmark.hz, text: String(benchmark) });
  }
  return timings;
}

process.once('disconnect', () => process.exit(0));
process.once('message', (order: MicroOrder) => {
  const reply = (message: MicroReply): void => void process.send?.(message, () => process.exit(0));
  time(order).then(
    (timings) => reply({ kind: 'timings', timings }),
    (error: Error) => reply({ kind: 'failed', message: error.message }),
  );
});
