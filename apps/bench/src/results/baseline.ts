import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { UsageError } from '../cli/errors.ts';
import { type Change, compareSamples } from '../compare/compare.ts';
import { comparableSamples, keyOf, type SampledCriterion } from '../compare/samples.ts';
import type { MetricName } from '../measure/metric.ts';
import type { Params } from '../scenario/scenario.ts';
import type { ResultFile } from './result_file.ts';

/**
 * What is committed to compare later runs with: ratios to a peer of the same run, round by round. Absolute times would
 * say more about the machine than about the code, so criteria without a peer are left out.
 */
export interface Baseline {
  readonly kind: 'fynlo-bench-baseline';
  readonly schemaVersion: number;
  readonly startedAt: string;
  readonly commit?: string;
  readonly machine: string;
  readonly ratios: readonly SampledCriterion[];
  /** With how many callers, connections and requests a second each scenario was measured, and how warm. */
  readonly loads: Readonly<Record<string, Load>>;
}

/**
 * Its duration is not part of it: a shorter measurement is noisier, but of the same thing. One after a shorter warm-up is of
 * code that V8 has not compiled.
 */
type Load = Pick<Params, 'callers' | 'connections' | 'ratePerSecond' | 'warmupMs'>;

const SCHEMA_VERSION = 1;

function baselineOf(result: ResultFile): Baseline {
  const { node, cpu, cores, commit } = result.environment;
  return {
    kind: 'fynlo-bench-baseline',
    schemaVersion: SCHEMA_VERSION,
    startedAt: result.startedAt,
    ...(commit === undefined ? {} : { commit }),
    machine: `Node ${node}, ${cpu}, ${cores} cores`,
    ratios: comparableSamples(result).filter(({ peer }) => peer !== undefined),
    loads: Object.fromEntries(result.scenarios.map(({ id, params }) => [id, loadOf(params)])),
  };
}

export function loadOf({ callers, connections, ratePerSecond, warmupMs }: Params): Load {
  const rate = ratePerSecond === undefined ? {} : { ratePerSecond };
  return { callers, connections, ...rate, warmupMs };
}

/** Ratios hold from machine to machine, but not to the last per cent; tails hold least. */
const SMALLEST_CHANGE = 0.1;
const SMALLEST_CHANGE_OF_TAILS = 0.3;
const TAILS: ReadonlySet<MetricName> = new Set(['p95Ms', 'p99Ms', 'maxMs', 'waitP99Ms']);

/**
 * Compares the rows that both have, measured under the same load; a ratio that moved by less than 10 % (a tail's, by
 * less than 30 %) stands.
 */
export function compareWithBaseline(baseline: Baseline, result: ResultFile): Change[] {
  const same = result.scenarios.filter(
    ({ id, params }) => JSON.stringify(baseline.loads[id]) === JSON.stringify(loadOf(params)),
  );
  return compareSamples(baseline.ratios, comparableSamples({ scenarios: same }), ({ metric }) =>
    TAILS.has(metric) ? SMALLEST_CHANGE_OF_TAILS : SMALLEST_CHANGE,
  );
}

/** Rows of a run that could be compared and are not: a comparison must not shrink unseen. */
export function notCompared(baseline: Baseline, { scenarios }: ResultFile): string[] {
  const missing = missingIn(baseline, { scenarios });
  const verb = missing.length === 1 ? 'is' : 'are';
  const otherLoads = scenarios.flatMap(({ id, params }) => {
    const [theirs, ours] = [JSON.stringify(baseline.loads[id]), JSON.stringify(loadOf(params))];
    return theirs === undefined || theirs === ours
      ? []
      : [`${id} is not compared with the baseline: that is of ${theirs}, this of ${ours}`];
  });
  const absent = missing.length === 0 ? [] : [`${missing.join(', ')} ${verb} not in the baseline`];
  return [...otherLoads, ...absent];
}

/** Ratios that the baseline lacks, by their rows; by row and metric where it has others of that row. */
function missingIn({ ratios }: Baseline, result: Pick<ResultFile, 'scenarios'>): string[] {
  const keys = new Set(ratios.map(keyOf));
  const rows = new Set(ratios.map(({ scenario }) => scenario));
  const names = comparableSamples(result)
    .filter((sample) => sample.peer !== undefined && !keys.has(keyOf(sample)))
    .map(({ scenario, metric }) => (rows.has(scenario) ? `${scenario} ${metric}` : scenario));
  return [...new Set(names)];
}

/** Where the baseline is that is committed beside this app. */
export function committedBaselineFile(): string {
  const manifest = createRequire(import.meta.url).resolve('@fynlo/bench/package.json');
  return join(dirname(manifest), 'baselines', 'ratios.json');
}

/**
 * The committed baseline. Undefined where it is missing, and `note` is told so: a checkout without it would otherwise pass
 * for one without regressions.
 */
export async function readCommittedBaseline(
  note: (line: string) => void,
  path: string = committedBaselineFile(),
): Promise<Baseline | undefined> {
  if (existsSync(path)) return readBaseline(path);
  note(`No baseline at ${path}: nothing is compared with it (--baseline none says so on purpose)`);
  return undefined;
}

export async function writeBaseline(path: string, result: ResultFile): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(baselineOf(result), undefined, 2)}\n`);
}

/** @throws UsageError when it cannot be read or is something else */
export async function readBaseline(path: string): Promise<Baseline> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(`Cannot read ${path}: ${cause.code ?? cause.message}`, { cause });
  });
  let value: Partial<Baseline>;
  try {
    value = JSON.parse(text) as Partial<Baseline>;
  } catch (cause) {
    throw new UsageError(`${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const fits = value.kind === 'fynlo-bench-baseline' && value.schemaVersion === SCHEMA_VERSION;
  if (!fits || !Array.isArray(value.ratios) || typeof value.loads !== 'object') {
    throw new UsageError(`${path} is not a baseline of fynlo-bench run --write-baseline`);
  }
  return value as Baseline;
}
