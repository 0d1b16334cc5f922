import { METRICS, type MetricName, type Metrics } from '../measure/metric.ts';
import { number } from '../report/number.ts';
import { isOfOpenPart } from '../scenario/open_part.ts';
import type { Criterion, Params } from '../scenario/scenario.ts';
import { mannWhitney } from '../statistics/mann_whitney.ts';
import { median, medianInterval } from '../statistics/median.ts';

export type VerdictKind = 'pass' | 'fail' | 'inconclusive' | 'not-built';

/** What a verdict wants; one of fewer says so wherever it is shown. */
export const ROUNDS_FOR_A_VERDICT = 5;

/** One criterion, held against what was measured. */
export interface CriterionVerdict {
  readonly criterion: Criterion;
  readonly verdict: VerdictKind;
  /** Why it is not a plain pass or fail. */
  readonly reason?: string;
  /** Median over the rounds: of the metric, or of the round-by-round ratios to the peer. */
  readonly measured?: number;
  readonly low?: number;
  readonly high?: number;
  /** The peer's median. */
  readonly peerMedian?: number;
  readonly subjectMedian?: number;
  /** Mann-Whitney, ours against the peer's rounds. */
  readonly pValue?: number;
  readonly samples: number;
}

/**
 * The operations a second that were asked for, of a number that tells what was done of them: in an open loop. It says at most
 * that they were kept up with, and nothing of how many there could be.
 */
export function givenRate(
  metric: MetricName,
  { ratePerSecond, openRatePerSecond }: Params,
): number | undefined {
  if (metric === 'opsPerSecond') return ratePerSecond;
  return metric === 'openOpsPerSecond' ? openRatePerSecond : undefined;
}

/** Why a load has no answer to what a bound on this number asks; undefined where it has one. */
export function whyNotAnswered(metric: MetricName, params: Params): string | undefined {
  const rate = givenRate(metric, params);
  if (rate !== undefined)
    return `${number(rate)} operations a second are given (an open loop): their number is no throughput to be judged`;
  return isOfOpenPart(metric) && params.openRatePerSecond === undefined
    ? 'not measured: under this load no open loop follows a closed one'
    : undefined;
}

/** The rounds of one subject, oldest first. */
export type RoundsBySubject = ReadonlyMap<
  string,
  readonly { readonly round: number; readonly metrics: Metrics }[]
>;

/**
 * Holds one criterion against the rounds. Ratios are taken round by round, since the two subjects of a round ran next
 * to each other; their median decides. It is a pass when the median meets the bound, a fail when the whole interval
 * of the median misses it, and inconclusive between the two, or when `saturated` says the host was not measuring us
 * (which changes no count of what is the same on any host).
 */
export function judge(
  criterion: Criterion,
  rounds: RoundsBySubject,
  saturated?: string,
): CriterionVerdict {
  const ours = values(rounds, criterion.subject, criterion.metric);
  if (ours.size === 0)
    return { criterion, verdict: 'inconclusive', reason: 'no rounds', samples: 0 };
  if (criterion.peer === undefined)
    return judgeValues(criterion, [...ours.values()], {}, saturated);

  const peers = values(rounds, criterion.peer, criterion.metric);
  const ratios = [...ours].flatMap(([round, value]) => {
    const peer = peers.get(round);
    return peer === undefined ? [] : [value / peer];
  });
  if (ratios.length === 0) {
    const reason = `no rounds of ${criterion.peer} to compare with`;
    return { criterion, verdict: 'inconclusive', reason, samples: 0 };
  }
  const subjectMedian = median([...ours.values()]);
  const peerMedian = median([...peers.values()]);
  const pValue = mannWhitney([...ours.values()], [...peers.values()]);
  return judgeValues(criterion, ratios, { subjectMedian, peerMedian, pValue }, saturated);
}

function judgeValues(
  criterion: Criterion,
  samples: readonly number[],
  peer: { subjectMedian?: number; peerMedian?: number; pValue?: number },
  saturated: string | undefined,
): CriterionVerdict {
  const measured = median(samples);
  const { low, high } = medianInterval(samples);
  const base = { criterion, measured, low, high, samples: samples.length, ...peer };
  if (!Number.isFinite(measured)) {
    return {
      ...base,
      verdict: 'inconclusive',
      reason: 'the ratio is not a number (the peer measured 0)',
    };
  }
  const { exact } = METRICS[criterion.metric];
  if (saturated !== undefined && exact !== true)
    return { ...base, verdict: 'inconclusive', reason: saturated };
  if (meets(measured, criterion)) return { ...base, verdict: 'pass' };
  if (meets(low, criterion) || meets(high, criterion)) {
    return {
      ...base,
      verdict: 'inconclusive',
      reason: 'the bound lies within the spread of the rounds',
    };
  }
  return { ...base, verdict: 'fail' };
}

function meets(value: number, { op, bound }: Pick<Criterion, 'op' | 'bound'>): boolean {
  if (op === '<=') return value <= bound;
  if (op === '>=') return value >= bound;
  return value === bound;
}

/** The verdict of a row: its worst criterion. */
export function worst(verdicts: readonly CriterionVerdict[]): VerdictKind {
  const order: readonly VerdictKind[] = ['fail', 'not-built', 'inconclusive', 'pass'];
  return order.find((kind) => verdicts.some(({ verdict }) => verdict === kind)) ?? 'inconclusive';
}

function values(rounds: RoundsBySubject, subject: string, metric: MetricName): Map<number, number> {
  return new Map(
    (rounds.get(subject) ?? []).flatMap(({ round, metrics }) => {
      const value = metrics[metric];
      return value === undefined ? [] : [[round, value] as const];
    }),
  );
}
