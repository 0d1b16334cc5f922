/** Times the cases of one suite in a process of its own. Started by `micro_runner.ts`. */
import { MICRO_SUITES } from './suites.ts';
import { type MicroTiming, timeCases } from './time_cases.ts';

export interface MicroOrder {
  readonly suite: string;
  /** Names in the order to be run. */
  readonly cases: readonly string[];
  readonly maxSeconds: number;
}

export type MicroReply =
  | { readonly kind: 'timings'; readonly timings: readonly MicroTiming[] }
  | { readonly kind: 'failed'; readonly message: string };

async function obey({ suite: name, cases, maxSeconds }: MicroOrder): Promise<MicroTiming[]> {
  const suite = MICRO_SUITES.find((candidate) => candidate.name === name);
  const chosen = cases.map((caseName) => {
    const found = suite?.cases.find((candidate) => candidate.name === caseName);
    if (found === undefined) throw new Error(`No case ${caseName} in ${name}`);
    return found;
  });
  return timeCases(chosen, maxSeconds);
}

process.once('disconnect', () => process.exit(0));
process.once('message', (order: MicroOrder) => {
  const reply = (message: MicroReply): void => void process.send?.(message, () => process.exit(0));
  obey(order).then(
    (timings) => reply({ kind: 'timings', timings }),
    (error: Error) => reply({ kind: 'failed', message: error.message }),
  );
});
