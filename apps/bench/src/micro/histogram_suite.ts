import type { MicroSuite } from './micro_suite.ts';

/** Durations as a pool sees them: from 20 µs to 50 ms. */
const DURATIONS_MS = Array.from(
  { length: 1024 },
  (_, i) => 0.02 + ((i * 7919) % 1024) ** 2 / 21_000,
);

/** Records one after the other; the count at the end shows that none was lost. */
function recording(record: (ms: number) => void, count: () => number) {
  let next = 0;
  return {
    run(): number {
      record(DURATIONS_MS[next++ & 1023] as number);
      return 1;
    },
    check: (sum: number, runs: number): boolean => sum === runs && count() >= runs,
  };
}

export const histogramSuite: MicroSuite = {
  name: 'histogram-record',
  question: 'What does it cost to record one duration?',
  cases: [
    {
      name: 'pool-core Histogram',
      async make() {
        const { Histogram } = await import('@fynlo/pool-core/manager');
        const histogram = new Histogram();
        return recording(
          (ms) => histogram.record(ms),
          () => histogram.summary().count,
        );
      },
    },
    {
      name: 'perf_hooks createHistogram',
      async make() {
        const { createHistogram } = await import('node:perf_hooks');
        const histogram = createHistogram();
        return recording(
          (ms) => histogram.record(Math.max(1, Math.round(ms * 1000))),
          () => histogram.count,
        );
      },
    },
    {
      name: 'hdr-histogram-js',
      async make() {
        const { build } = await import('hdr-histogram-js');
        const histogram = build({ numberOfSignificantValueDigits: 2 });
        return recording(
          (ms) => histogram.recordValue(Math.round(ms * 1000)),
          () => histogram.totalCount,
        );
      },
    },
  ],
};
