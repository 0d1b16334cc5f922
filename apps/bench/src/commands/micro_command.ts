import type { Command } from '../cli/command.ts';
import { UsageError } from '../cli/errors.ts';
import { ExitCode } from '../cli/exit_code.ts';
import { choiceFlag, wholeNumberFlag } from '../cli/flags.ts';
import { unknownName } from '../cli/suggest.ts';

import { runMicroSuite } from '../micro/micro_runner.ts';
import type { MicroSuite } from '../micro/micro_suite.ts';
import { MICRO_SUITES } from '../micro/suites.ts';
import type { MicroTiming } from '../micro/time_cases.ts';
import { number } from '../report/number.ts';
import { textTable } from '../report/table.ts';
import { isSignificant, mannWhitney } from '../statistics/mann_whitney.ts';
import { median, medianInterval } from '../statistics/median.ts';
import { Progress } from '../terminal/progress.ts';
import type { Terminal } from '../terminal/terminal.ts';

const flags = {
  processes: wholeNumberFlag('N', { min: 1, max: 50 }, 'fresh processes a suite (default 5)', 'n'),
  seconds: wholeNumberFlag('N', { min: 1, max: 60 }, 'time for a case in each (default 1)', 'd'),
  seed: wholeNumberFlag('N', { min: 0, max: 2 ** 31 }, 'seed of the order (default 1)'),
  format: choiceFlag(['pretty', 'json', 'benchmarkjs'], 'how to print (default pretty)'),
};

export const microCommand: Command<typeof flags> = {
  name: 'micro',
  summary:
    'Times synchronous structures with benchmark.js, in several processes; a case that throws fails the run',
  positionals: '[suite ...]',
  flags,
  examples: [
    'fynlo-bench micro',
    'fynlo-bench micro histogram-record -n 7',
    'fynlo-bench micro --format benchmarkjs',
  ],
  async run(
    positionals,
    { processes = 5, seconds = 1, seed = 1, format = 'pretty' },
    { terminal, signal },
  ) {
    const suites = positionals.length === 0 ? MICRO_SUITES : positionals.map(suiteNamed);
    const progress = new Progress(terminal);
    const results = new Map<MicroSuite, MicroTiming[][]>();
    for (const suite of suites) {
      const onProcess = (done: number): void =>
        progress.update(suite.name, `process ${done} of ${processes}`, done / processes);
      const run = { processes, maxSeconds: seconds, seed, signal, onProcess };
      results.set(suite, await runMicroSuite(suite, run));
    }
    progress.done();
    const { out, colors } = terminal;
    if (format === 'json') {
      const json = [...results].map(([{ name }, timings]) => ({ suite: name, processes: timings }));
      out.write(`${JSON.stringify(json, undefined, 2)}\n`);
    } else if (format === 'benchmarkjs') {
      for (const timings of results.values())
        for (const { text } of timings.at(-1) ?? []) out.write(`${text}\n`);
    } else {
      const blocks = [...results].map(([suite, timings]) => suiteLines(suite, timings, colors));
      out.write(`${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`);
    }
    return ExitCode.ok;
  },
};

function suiteNamed(name: string): MicroSuite {
  const suite = MICRO_SUITES.find((candidate) => candidate.name === name);
  if (suite !== undefined) return suite;
  throw new UsageError(
    unknownName(
      'suite',
      name,
      MICRO_SUITES.map((s) => s.name),
    ),
  );
}

function suiteLines(
  suite: MicroSuite,
  timings: readonly MicroTiming[][],
  colors: Terminal['colors'],
): string[] {
  const ofCase = (name: string): number[] =>
    timings.flatMap((one) => one.filter((t) => t.name === name).map((t) => t.opsPerSecond));
  const ours = ofCase(suite.cases[0]?.name ?? '');
  const rows = suite.cases.map(({ name }) => {
    const values = ofCase(name);
    const { low, high } = medianInterval(values);
    const sure = isSignificant(mannWhitney(values, ours));
    const against = `${number(median(values) / median(ours))}x${sure || values === ours ? '' : ' ~'}`;
    const nanoseconds = (ops: number): string => number(1e9 / ops);
    return [
      name,
      nanoseconds(median(values)),
      `[${nanoseconds(high)}, ${nanoseconds(low)}]`,
      number(median(values)),
      against,
    ];
  });
  return [
    `${colors.bold(suite.name)}  ${suite.question}`,
    ...textTable(
      [
        { title: 'case' },
        { title: 'ns/op', align: 'right' },
        { title: 'interval', align: 'right' },
        { title: 'ops/s', align: 'right' },
        { title: 'speed', align: 'right' },
      ],
      rows,
      colors.dim,
    ).map((line) => `    ${line}`),
  ];
}
