import { METRICS, type MetricName } from '../measure/metric.ts';
import type { ResultFile, ScenarioResult, SubjectResult } from '../results/result_file.ts';
import { AT_RATE, isOfOpenPart, openPartOf } from '../scenario/open_part.ts';
import type { Criterion, Params } from '../scenario/scenario.ts';
import { isSignificant, smallestPValue } from '../statistics/mann_whitney.ts';
import { median } from '../statistics/median.ts';
import {
  type CriterionVerdict,
  givenRate,
  ROUNDS_FOR_A_VERDICT,
  type VerdictKind,
} from '../verdict/verdict.ts';
import { number, ratio, withUnit } from './number.ts';
import type { Column } from './table.ts';

/** What every rendering of a result (terminal, Markdown, HTML) shows, as rows of plain text. */

export const MARKS: Readonly<Record<VerdictKind, string>> = {
  pass: '✓',
  fail: '✗',
  inconclusive: '?',
  'not-built': '·',
};

/** Columns that most scenarios report, in the order shown; a scenario's criteria add theirs. */
const USUAL: readonly MetricName[] = [
  'opsPerSecond',
  'p50Ms',
  'p99Ms',
  'lagP99Ms',
  'waitP50Ms',
  'useP50Ms',
  'createP50Ms',
  'cpuMicrosPerOp',
  'bytesPerOp',
  'rssPeakMb',
  'connectionsOpened',
  'settledSize',
  'serverConnectionsPeak',
  'serverOthersPeak',
  'errors',
];

/** A column of zeros says nothing. */
const ANY_IS_NEWS: ReadonlySet<MetricName> = new Set(['errors', 'serverOthersPeak']);

export function medianOf(subject: SubjectResult, metric: MetricName): number | undefined {
  const values = subject.rounds.flatMap(({ metrics }) => metrics[metric] ?? []);
  return values.length === 0 ? undefined : median(values);
}

function shownMetrics(scenario: ScenarioResult): MetricName[] {
  const judged = new Set(scenario.criteria.map((c) => c.criterion.metric));
  return [...new Set([...judged, ...USUAL])].filter((metric) => {
    if (isOfOpenPart(metric)) return false;
    const values = scenario.subjects.flatMap((subject) => medianOf(subject, metric) ?? []);
    const onlyIfAny = ANY_IS_NEWS.has(metric) && !judged.has(metric);
    return onlyIfAny ? values.some(Boolean) : values.length > 0;
  });
}

const SHORT: Partial<Record<MetricName, string>> = {
  opsPerSecond: 'ops/s',
  cpuMicrosPerOp: 'cpu/op',
  cpuMicrosPerQueuedOp: 'cpu/op queued',
  bytesPerOp: 'heap/op',
  connectionsOpened: 'connects',
  serverConnectionsPeak: 'backends',
  settledSize: 'size',
  serverOthersPeak: "others' backends",
};

/** A metric as a column calls it: `ops/s`, `p99`, `hit ratio`; of the open part `p99 at 4,500/s`, or `p99 at a rate`. */
export function shortName(metric: MetricName, { openRatePerSecond }: RateOf = {}): string {
  if (isOfOpenPart(metric)) {
    const rate = openRatePerSecond === undefined ? 'a rate' : `${number(openRatePerSecond)}/s`;
    return `${shortName(AT_RATE[metric])} at ${rate}`;
  }
  return (
    SHORT[metric] ??
    metric
      .replace(/(Ms|Mb)$/, '')
      .replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  );
}

type RateOf = Partial<Pick<Params, 'openRatePerSecond'>>;

/** How it was asked: load, times, rounds. What is not true of a scenario is left out. */
export function conditions({ params, subjects, tookMs }: ScenarioResult): string {
  const { callers, connections, ratePerSecond, warmupMs, durationMs } = params;
  const rounds = Math.max(...subjects.map((subject) => subject.rounds.length));
  const open = openPartOf(params);
  return [
    ...(callers > 1 && ratePerSecond === undefined ? [`${number(callers)} callers`] : []),
    ...(ratePerSecond === undefined ? [] : [`open loop, ${number(ratePerSecond)}/s`]),
    ...(connections > 1 ? [`${connections} connections`] : []),
    `${roundsText(rounds)}${durationMs === 0 ? '' : ` of ${secondsText({ warmupMs, durationMs })}`}`,
    ...(open === undefined
      ? []
      : [`then ${secondsText(open)} of an open loop at ${number(open.ratePerSecond)}/s`]),
    `took ${number(Math.round(tookMs / 1000))} s`,
  ].join(', ');
}

function secondsText({ warmupMs, durationMs }: Pick<Params, 'warmupMs' | 'durationMs'>): string {
  return `${warmupMs / 1000} + ${durationMs / 1000} s`;
}

/** Each subject that was measured, or that is not there yet, with what it is. */
export function settingsLines({ subjects }: ScenarioResult): string[] {
  const most = Math.max(...subjects.map(({ rounds }) => rounds.length));
  return subjects.flatMap(({ name, settings, notBuilt, rounds }) => {
    if (notBuilt !== undefined) return [`${name}: not built: ${notBuilt}`];
    const fewer = rounds.length < most ? ` (${roundsText(rounds.length)})` : '';
    return rounds.length === 0 ? [] : [`${name}: ${settings}${fewer}`];
  });
}

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

/**
 * One row a subject: its medians. The columns that the verdict is about come first. Where an open loop followed, what that measured is a table
 * of its own: its p99 is another number than that of the callers.
 */
export function subjectTables(scenario: ScenarioResult): Table[] {
  const { openRatePerSecond } = scenario.params;
  const open = Object.keys(AT_RATE) as (keyof typeof AT_RATE)[];
  return [
    subjectTable(scenario, 'subject', shownMetrics(scenario)),
    ...(openRatePerSecond === undefined
      ? []
      : [subjectTable(scenario, `at ${number(openRatePerSecond)}/s`, open)]),
  ].filter(({ rows }) => rows.length > 0);
}

function subjectTable(
  { subjects, params }: ScenarioResult,
  heading: string,
  metrics: readonly MetricName[],
): Table {
  const title = (metric: MetricName): string => {
    const rate = givenRate(metric, params);
    if (rate !== undefined) return `done/s of ${number(rate)}`;
    const name = shortName(isOfOpenPart(metric) ? AT_RATE[metric] : metric);
    const { unit } = METRICS[metric];
    return unit === '' || unit === '/s' ? name : `${name} ${unit}`;
  };
  return {
    columns: [
      { title: heading },
      ...metrics.map((metric) => ({ title: title(metric), align: 'right' as const })),
    ],
    rows: subjects
      .filter(({ rounds }) => rounds.length > 0)
      .map((subject) => [subject.name, ...metrics.map((m) => number(medianOf(subject, m)))]),
  };
}

/** `fynlo operations completed per second >= 1.05x pg.Pool` */
export function criterionText({ criterion }: CriterionVerdict): string {
  const { metric, subject } = criterion;
  return `${subject} ${METRICS[metric].meaning} ${wantedText(criterion)}`;
}

/** The measured value, `1.07x`, and what is known of its spread, `[1.04, 1.09] ~`, or that it has `2 rounds` alone. */
export function measuredParts(verdict: CriterionVerdict): { value: string; spread: string } {
  const { criterion, measured, low, high, pValue, samples } = verdict;
  if (measured === undefined) return { value: '-', spread: '' };
  // benchstat's sign: this difference may be chance. So few rounds that no test could tell carry no sign.
  const testable = isSignificant(smallestPValue(samples, samples));
  const chance = pValue !== undefined && testable && !isSignificant(pValue);
  return {
    value: criterion.peer === undefined ? withUnit(criterion.metric, measured) : ratio(measured),
    spread: [
      ...(samples > 1 && low !== high ? [`[${number(low)}, ${number(high)}]`] : []),
      ...(chance ? ['~'] : []),
      ...(isOfFewRounds(verdict) ? [roundsText(samples)] : []),
    ].join(' '),
  };
}

function isOfFewRounds({ samples }: CriterionVerdict): boolean {
  return samples > 0 && samples < ROUNDS_FOR_A_VERDICT;
}

function roundsText(rounds: number): string {
  return `${rounds} ${rounds === 1 ? 'round' : 'rounds'}`;
}

/** `1.07x [1.04, 1.09] ~` */
export function measuredText(verdict: CriterionVerdict): string {
  const { value, spread } = measuredParts(verdict);
  return spread === '' ? value : `${value} ${spread}`;
}

export function reasonText(scenario: ScenarioResult): string {
  if (scenario.failure !== undefined) return scenario.failure.split('\n')[0] ?? '';
  const reasons = scenario.criteria
    .filter(({ verdict }) => verdict === scenario.verdict)
    .flatMap(({ reason }) => reason ?? []);
  return [...new Set(reasons)].join('; ');
}

/** What a bound asks for: `>= 1.05x pg.Pool`, `<= 2,000 ms`. */
export function wantedText({ metric, peer, op, bound }: Criterion): string {
  if (peer !== undefined) return `${op} ${number(bound, 4)}x ${peer}`;
  return `${op} ${withUnit(metric, bound, 4)}`;
}

/** What of a table is of another commit or place than the rest: a line for rows that have the same to say. */
export function elsewhereLines({ scenarios }: Pick<ResultFile, 'scenarios'>): string[] {
  const rows = new Map<string, string[]>();
  for (const { id, elsewhere } of scenarios) {
    if (elsewhere === undefined) continue;
    const text = elsewhere.join('; ');
    rows.set(text, [...(rows.get(text) ?? []), id]);
  }
  return [...rows].map(([text, ids]) => `${ELSEWHERE} ${ids.join(' ')}: ${text}`);
}

/** Stands at a row of {@link elsewhereLines}. */
export const ELSEWHERE = '*';

/** One row a scenario: target, measured, peer, verdict. Rows that are still to be measured are there as well. */
export function verdictTable({ scenarios, pending }: Pick<ResultFile, 'scenarios' | 'pending'>): {
  columns: Column[];
  rows: string[][];
} {
  return {
    columns: [
      { title: '' },
      { title: 'id' },
      { title: 'target' },
      { title: 'measured' },
      { title: 'peer' },
      { title: 'verdict' },
    ],
    rows: [
      ...scenarios.map((scenario) => [
        MARKS[scenario.verdict],
        scenario.id,
        scenario.target,
        measuredCell(scenario),
        [...new Set(scenario.criteria.flatMap(({ criterion }) => criterion.peer ?? []))].join(', '),
        `${WORDS[scenario.verdict]}${scenario.elsewhere === undefined ? '' : ELSEWHERE}`,
      ]),
      ...pending.map(({ id, target }) => ['-', id, target, '', '', 'not measured']),
    ],
  };
}

/** `ops/s 2.1x [1.9, 2.3]; cpu/op 0.5x`, with whose number it is where they are of several subjects. */
function measuredCell({ criteria, params }: ScenarioResult): string {
  const several = new Set(criteria.map(({ criterion }) => criterion.subject)).size > 1;
  return criteria
    .map((verdict) => {
      const { metric, subject } = verdict.criterion;
      const name = `${several ? `${subject} ` : ''}${shortName(metric, params)}`;
      return `${name} ${measuredText(verdict)}`;
    })
    .join('; ');
}

/** How many rows have each verdict. */
export function tally(result: Pick<ResultFile, 'scenarios' | 'pending'>): [VerdictKind, string][] {
  const kinds: readonly VerdictKind[] = ['pass', 'fail', 'inconclusive', 'not-built'];
  return kinds.flatMap((kind): [VerdictKind, string][] => {
    const rows = result.scenarios.filter(({ verdict }) => verdict === kind);
    // A row that passed on fewer rounds than a verdict wants is not counted as if it had them.
    const few = rows.filter(({ criteria }) => criteria.some(isOfFewRounds)).length;
    const part =
      kind === 'pass' && few > 0 ? ` (${few} in fewer than ${ROUNDS_FOR_A_VERDICT} rounds)` : '';
    return rows.length === 0 ? [] : [[kind, `${rows.length} ${TALLIED[kind]}${part}`]];
  });
}

const WORDS: Readonly<Record<VerdictKind, string>> = {
  pass: 'pass',
  fail: 'fail',
  inconclusive: 'inconclusive',
  'not-built': 'not built',
};

const TALLIED: Readonly<Record<VerdictKind, string>> = {
  pass: 'met',
  fail: 'missed',
  inconclusive: 'inconclusive',
  'not-built': 'not built',
};
