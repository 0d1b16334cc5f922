import type { Command } from '../cli/command.ts';
import { UsageError } from '../cli/errors.ts';
import { choiceFlag, switchFlag, textFlag, wholeNumberFlag } from '../cli/flags.ts';
import { unknownName } from '../cli/suggest.ts';
import { FORMATS } from '../report/formats.ts';
import { SCENARIO_IDS, SCENARIOS, scenarioById } from '../scenario/catalog.ts';
import { FULL_RUN, type FullRunName } from '../scenario/full_run.ts';
import { loadFlags } from './load_flags.ts';
import { runFullRun } from './run_full_run.ts';
import { runTargets } from './run_targets.ts';

export const runFlags = {
  out: textFlag(
    'DIR',
    'folder for the files (default reports/latest; targets: reports/bench, or a FILE.json)',
    'o',
  ),
  profile: choiceFlag(
    ['quick', 'ci', 'full'],
    'how long and how large (default full); targets, quick: only the subjects a target names',
  ),
  format: choiceFlag(FORMATS, 'what to print on stdout (default pretty)'),
  seed: wholeNumberFlag('N', { min: 0, max: 2 ** 31 }, 'seed of every random choice (default 1)'),
  ...loadFlags,
  rounds: wholeNumberFlag('N', { min: 1, max: 100 }, 'rounds of each subject', 'n'),
  threshold: {
    ...textFlag('EXPR', "a bound of one's own, e.g. 'P6.p99Ms<=5ms'"),
    multiple: true as const,
  },
  baseline: textFlag(
    'FILE',
    'ratios to compare with (default: the committed ones, for rows of the same load), or none',
  ),
  'write-baseline': textFlag('FILE', 'keep the ratios of this run as a baseline'),
  'fail-on': textFlag('LIST', 'what fails the run: threshold, regression, or both (default both)'),
  resume: textFlag(
    'FILE',
    'targets: keep the rows of this result, run what it lacks, and write to it (or to --out)',
  ),
  skip: {
    ...textFlag('NAME', 'targets: leave this row for another time (--resume); several with commas'),
    multiple: true as const,
  },
  html: switchFlag('targets: also write one self-contained HTML page'),
  quiet: switchFlag('no progress on stderr', 'q'),
};

export const runCommand: Command<typeof runFlags> = {
  name: 'run',
  summary: 'Runs the full optimisation run (no names), some of its scenarios, or target scenarios',
  positionals: '[scaling|resources|cache|memory ...] | [targets|P1..S3 ...]',
  flags: runFlags,
  examples: [
    'fynlo-bench run                                     the full run, files in reports/latest',
    'fynlo-bench run cache memory --profile quick        two of its scenarios, small',
    'fynlo-bench run targets                             every target: measured, peer, verdict',
    'fynlo-bench run targets --skip S1,S2                all but `npm start` and `npm test`',
    'fynlo-bench run targets --resume reports/bench/latest.json   the rows it has not, or that broke',
    'fynlo-bench run P6 P7 -n 10 --format json > a.json  two targets, ten rounds each',
    "fynlo-bench run P6 --threshold 'P6.p99Ms<=5ms'      exit 99 when it is missed",
  ],
  async run(positionals, flags, context) {
    const { full, targets } = sort(positionals);
    if (targets.length > 0) return runTargets(targets, flags, context);
    for (const flag of TARGETS_ONLY) {
      if (flags[flag] !== undefined) {
        throw new UsageError(`--${flag} is for target scenarios (fynlo-bench run P6 --${flag} …)`);
      }
    }
    return runFullRun(full, flags, context);
  },
};

const TARGETS_ONLY = [
  'pool',
  'connections',
  'callers',
  'duration',
  'warmup',
  'rate',
  'closed',
  'rounds',
  'threshold',
  'baseline',
  'write-baseline',
  'fail-on',
  'resume',
  'skip',
  'html',
] as const;

function sort(names: readonly string[]): { full: FullRunName[]; targets: string[] } {
  const full: FullRunName[] = [];
  const targets = new Set<string>();
  for (const name of names) {
    const part = FULL_RUN.find((candidate) => candidate.name === name);
    const target = scenarioById(name);
    if (part !== undefined) full.push(part.name);
    else if (name === 'targets') for (const id of SCENARIO_IDS) targets.add(id);
    else if (target !== undefined) targets.add(target.id);
    else {
      const known = [
        ...FULL_RUN.map((f) => f.name),
        'targets',
        ...SCENARIO_IDS,
        ...SCENARIOS.map(({ name: long }) => long),
      ];
      throw new UsageError(unknownName('scenario', name, known));
    }
  }
  if (full.length > 0 && targets.size > 0) {
    throw new UsageError(
      `${full.join(', ')} belong to the full run, ${[...targets].join(', ')} to the targets: run them one after the other`,
    );
  }
  return {
    full: [...new Set(full)],
    targets: SCENARIO_IDS.filter((id) => targets.has(id)),
  };
}
