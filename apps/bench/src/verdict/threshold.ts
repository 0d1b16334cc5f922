import { UsageError } from '../cli/errors.ts';
import { unknownName } from '../cli/suggest.ts';
import { isMetricName, METRICS } from '../measure/metric.ts';
import type { Criterion, Params, Scenario } from '../scenario/scenario.ts';
import { whyNotAnswered } from './verdict.ts';

/** A bound from the command line, beside those the scenario states itself. */
export interface Threshold {
  readonly text: string;
  readonly scenario: string;
  readonly criterion: Criterion;
}

const FORM =
  /^(?<scenario>[\w-]+)\.(?<metric>\w+)(?:@(?<subject>[^/<>=]+)(?:\/(?<peer>[^<>=]+))?)?\s*(?<op><=|>=|==|<|>)\s*(?<bound>[\d.]+)\s*(?<unit>[a-zA-Z%/]*)$/;
const WANTED =
  'SCENARIO.METRIC[@SUBJECT[/PEER]]<=NUMBER[UNIT], e.g. P6.p99Ms<=5ms or P6.opsPerSecond@fynlo/pg.Pool>=1.05x';

/**
 * Reads `P6.p99Ms@fynlo<=5ms`. Without a subject it is the one the scenario's first criterion is about. `<` and `>` are
 * read as `<=` and `>=`: with measured numbers there is no telling them apart.
 *
 * @throws UsageError for another form, and for a scenario, metric, subject or unit that does not exist: a misspelt
 * threshold must not pass.
 */
export function parseThreshold(text: string, scenarios: readonly Scenario[]): Threshold {
  const groups = FORM.exec(text.trim())?.groups;
  if (groups === undefined)
    throw new UsageError(`Cannot read threshold "${text}"; wanted ${WANTED}`);
  const { scenario: id = '', metric = '', subject, peer, op = '', bound = '', unit = '' } = groups;

  const scenario = scenarios.find((s) => s.id === id || s.name === id);
  if (scenario === undefined) {
    throw new UsageError(
      `${unknownName(
        'scenario',
        id,
        scenarios.map((s) => s.id),
      )} in threshold "${text}"`,
    );
  }
  if (!isMetricName(metric)) {
    throw new UsageError(
      `${unknownName('metric', metric, Object.keys(METRICS))} in threshold "${text}"`,
    );
  }
  const names = scenario.subjects.map(({ name }) => name);
  for (const name of [subject, peer]) {
    if (name !== undefined && !names.includes(name)) {
      throw new UsageError(`${unknownName('subject', name, names)} in threshold "${text}"`);
    }
  }
  const expected = peer === undefined ? METRICS[metric].unit : 'x';
  if (unit !== '' && unit !== expected) {
    throw new UsageError(
      `${metric} is in ${expected || 'plain numbers'}, not ${unit}, in threshold "${text}"`,
    );
  }
  const value = Number(bound);
  if (!Number.isFinite(value))
    throw new UsageError(`"${bound}" is no number in threshold "${text}"`);
  return {
    text,
    scenario: scenario.id,
    criterion: {
      metric,
      subject: subject ?? scenario.criteria[0]?.subject ?? names[0] ?? '',
      ...(peer === undefined ? {} : { peer }),
      op: op === '<' ? '<=' : op === '>' ? '>=' : (op as Criterion['op']),
      bound: value,
    },
  };
}

/**
 * Refuses a bound on what the load of its row has no answer to: on operations a second that are given, a pass would say nothing of how
 * many there could be.
 *
 * @throws UsageError
 */
export function refuseUnanswered(
  thresholds: readonly Threshold[],
  rows: readonly { readonly scenario: Pick<Scenario, 'id'>; readonly params: Params }[],
): void {
  for (const { text, scenario: id, criterion } of thresholds) {
    const params = rows.find(({ scenario }) => scenario.id === id)?.params;
    const why = params === undefined ? undefined : whyNotAnswered(criterion.metric, params);
    if (why !== undefined) throw new UsageError(`No threshold "${text}" for ${id}: ${why}`);
  }
}
