import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { UsageError } from '../cli/errors.ts';
import { type Change, compareSamples } from '../compare/compare.ts';
import { comparableSamples, keyOf, type SampledCriterion } from '../compare/samples.ts';
import type { MetricName } from '../measure/metric.ts';
import { isOfOpenPart } from '../scenario/open_part.ts';
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
  /** In words. */
  readonly machine: string;
  /** Absent in files of before, which are of no machine that is known. */
  readonly cpu?: string;
  readonly cores?: number;
  readonly ratios: readonly SampledCriterion[];
  /** With how many callers, connections and requests a second each scenario was measured, and how warm. */
  readonly loads: Readonly<Record<string, Load>>;
}

/**
 * Its duration is not part of it: a shorter measurement is noisier, but of the same thing. One after a shorter warm-up is of
 * code that V8 has not compiled.
 */
type Load = Pick<
  Params,
  'callers' | 'connections' | 'ratePerSecond' | 'warmupMs' | 'openRatePerSecond'
>;

const SCHEMA_VERSION = 1;

function baselineOf(result: ResultFile): Baseline {
  const { node, cpu, cores, commit } = result.environment;
  return {
    kind: 'fynlo-bench-baseline',
    schemaVersion: SCHEMA_VERSION,
    startedAt: result.startedAt,
    ...(commit === undefined ? {} : { commit }),
    machine: `Node ${node}, ${cpu}, ${cores} cores`,
    cpu,
    cores,
    ratios: comparableSamples(result).filter(({ peer }) => peer !== undefined),
    loads: Object.fromEntries(result.scenarios.map(({ id, params }) => [id, loadOf(params)])),
  };
}

export function loadOf(params: Params): Load {
  const { callers, connections, ratePerSecond, warmupMs, openRatePerSecond } = params;
  const rate = ratePerSecond === undefined ? {} : { ratePerSecond };
  const open = openRatePerSecond === undefined ? {} : { openRatePerSecond };
  return { callers, connections, ...rate, warmupMs, ...open };
}

/** Whether a number was measured under the same load: what follows the closed loop has not changed what that measured. */
export function isSameLoad(a: Load, b: Load, metric: MetricName): boolean {
  const behind = ({ openRatePerSecond, ...first }: Load): string =>
    JSON.stringify(isOfOpenPart(metric) ? [first, openRatePerSecond] : first);
  return behind(a) === behind(b);
}

/** From which relative change on a ratio has moved; tails hold least. */
interface Tolerance {
  readonly ratios: number;
  readonly tails: number;
}

const SAME_MACHINE: Tolerance = { ratios: 0.1, tails: 0.3 };
/**
 * Ratios move with the CPU model, too: where one library waits for the server and the other for the CPU, a faster core helps only one. P1
 * was 3.96x on one model, and 3.2 to 3.4x on another: 19 %.
 */
const OTHER_MACHINE: Tolerance = { ratios: 0.3, tails: 0.5 };
const TAILS: ReadonlySet<MetricName> = new Set([
  'p95Ms',
  'p99Ms',
  'maxMs',
  'waitP99Ms',
  'openP99Ms',
]);

function isOfOtherMachine(baseline: Baseline, { environment }: ResultFile): boolean {
  return baseline.cpu !== environment.cpu || baseline.cores !== environment.cores;
}

/**
 * Compares what both have, measured under the same load; a ratio that moved by less than 10 % (a tail's, by less than 30 %) stands, and
 * on another CPU model or number of cores one that moved by less than 30 % (50 %).
 */
export function compareWithBaseline(baseline: Baseline, result: ResultFile): Change[] {
  const loads = new Map(result.scenarios.map(({ id, params }) => [id, loadOf(params)]));
  const same = comparableSamples(result).filter(({ scenario, metric }) => {
    const [theirs, ours] = [baseline.loads[scenario], loads.get(scenario)];
    return theirs !== undefined && ours !== undefined && isSameLoad(theirs, ours, metric);
  });
  const { ratios, tails } = isOfOtherMachine(baseline, result) ? OTHER_MACHINE : SAME_MACHINE;
  return compareSamples(baseline.ratios, same, ({ metric }) =>
    TAILS.has(metric) ? tails : ratios,
  );
}

/** What to know of a comparison with a baseline, beside the changes that it found. */
export function baselineNotes(baseline: Baseline, result: ResultFile): string[] {
  return [...otherMachine(baseline, result), ...notCompared(baseline, result)];
}

function otherMachine(baseline: Baseline, result: ResultFile): string[] {
  const compared = result.scenarios.some(({ id }) => Object.hasOwn(baseline.loads, id));
  if (!compared || !isOfOtherMachine(baseline, result)) return [];
  const { cpu, cores } = result.environment;
  const theirs =
    baseline.cpu === undefined
      ? 'does not say of which CPU it is'
      : `is of ${baseline.cpu}, ${baseline.cores} cores`;
  const percent = (share: number): string => `${share * 100} %`;
  return [
    `The baseline ${theirs}, this run of ${cpu}, ${cores} cores: ratios move with the CPU, so that only those count that moved by ${percent(OTHER_MACHINE.ratios)} or more (tails: ${percent(OTHER_MACHINE.tails)})`,
  ];
}

/** Rows of a run that could be compared and are not: a comparison must not shrink unseen. */
export function notCompared(baseline: Baseline, { scenarios }: ResultFile): string[] {
  const missing = missingIn(baseline, { scenarios });
  const verb = missing.length === 1 ? 'is' : 'are';
  const otherLoads = scenarios.flatMap(({ id, params }) => {
    const [theirs, ours] = [baseline.loads[id], loadOf(params)];
    if (theirs === undefined) return [];
    const metrics = baseline.ratios.flatMap(({ scenario, metric }) =>
      scenario === id ? [metric] : [],
    );
    const others = [...new Set(metrics.filter((metric) => !isSameLoad(theirs, ours, metric)))];
    if (others.length === 0) return [];
    // Of another closed loop it is the row, of another open loop after it what that measured.
    const what = others.every(isOfOpenPart) ? `${id} ${others.join(', ')}` : id;
    return [
      `${what} is not compared with the baseline: that is of ${JSON.stringify(theirs)}, this of ${JSON.stringify(ours)}`,
    ];
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
