import type { ScenarioName } from './scenario.ts';

export type Verdict = 'pass' | 'fail' | 'inconclusive' | 'skipped';

export type CriterionOperator = '<' | '<=' | '>' | '>=' | '=' | 'within';

/** What is demanded, before anything was measured. */
export interface CriterionDefinition {
  /** Stable, kebab-case. */
  readonly id: string;
  readonly scenario: ScenarioName;
  readonly metric: string;
  /** Which number of the distribution decides: `p95`, `mean`, `peak`, `count`, … */
  readonly statistic: string;
  readonly op: CriterionOperator;
  /** One number, or for `within` the two ends, both allowed. */
  readonly threshold: number | readonly [number, number];
  readonly unit: string;
  /**
   * Whether a busy machine makes the number worse. Such a criterion that fails on a saturated machine is inconclusive;
   * one that passes there has passed: noise only adds.
   */
  readonly hostSensitive: boolean;
  /** Fewer samples than this decide nothing. @default 1 */
  readonly minSamples?: number;
}

export interface CriterionMeasurement {
  /** `null`: nothing could be measured; say why in `note`. */
  readonly measured: number | null;
  readonly samples: number;
  readonly ci95?: readonly [number, number] | undefined;
  /** From `saturationCauses`. */
  readonly saturation?: readonly string[];
  /** Set: the criterion does not apply to this run, and why. The number is shown all the same. */
  readonly skipped?: string | undefined;
  /** What the reader should know besides. */
  readonly note?: string | undefined;
}

/** A demand, what was measured, and what follows. Computed by `judge`, never written by hand. */
export interface Criterion {
  readonly id: string;
  readonly scenario: ScenarioName;
  readonly metric: string;
  readonly statistic: string;
  readonly op: CriterionOperator;
  readonly threshold: number | readonly [number, number];
  readonly unit: string;
  readonly measured: number | null;
  readonly samples: number;
  readonly ci95: readonly [number, number] | null;
  readonly verdict: Verdict;
  readonly reason: string;
}

/**
 * Holds a measurement against a definition.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { judge } from '@fynlo/orchestrator';
 *
 * const fast = {
 *   id: 'response-time', scenario: 'scaling', metric: 'response time', statistic: 'p95',
 *   op: '<', threshold: 5, unit: 'ms', hostSensitive: true,
 * } as const;
 * assert.equal(judge(fast, { measured: 3.2, samples: 4000 }).verdict, 'pass');
 * assert.equal(judge(fast, { measured: 9.1, samples: 4000, saturation: ['steal 20 %'] }).verdict, 'inconclusive');
 * ```
 */
export function judge(
  definition: CriterionDefinition,
  measurement: CriterionMeasurement,
): Criterion {
  const { id, scenario, metric, statistic, op, threshold, unit } = definition;
  const { measured, samples, ci95 } = measurement;
  const [verdict, reason] = decide(definition, measurement);
  return {
    id,
    scenario,
    metric,
    statistic,
    op,
    threshold,
    unit,
    measured,
    samples,
    ci95: ci95 ?? null,
    verdict,
    reason: measurement.note === undefined ? reason : `${reason}; ${measurement.note}`,
  };
}

function decide(
  definition: CriterionDefinition,
  { measured, samples, saturation = [], skipped }: CriterionMeasurement,
): [Verdict, string] {
  if (skipped !== undefined) return ['skipped', skipped];
  if (measured === null || !Number.isFinite(measured))
    return ['inconclusive', 'nothing was measured'];
  const needed = definition.minSamples ?? 1;
  if (samples < needed) return ['inconclusive', `${samples} samples; at least ${needed} decide`];
  const numbers = `${format(measured)} ${definition.unit} is ${met(definition, measured) ? '' : 'not '}${wanted(definition)}`;
  if (met(definition, measured)) {
    return ['pass', saturation.length > 0 ? `${numbers}, on a saturated machine` : numbers];
  }
  if (definition.hostSensitive && saturation.length > 0) {
    return ['inconclusive', `${numbers}, but ${saturation.join(' and ')}`];
  }
  return ['fail', numbers];
}

function met({ op, threshold }: CriterionDefinition, measured: number): boolean {
  const [low, high] = typeof threshold === 'number' ? [threshold, threshold] : threshold;
  switch (op) {
    case '<':
      return measured < low;
    case '<=':
      return measured <= low;
    case '>':
      return measured > low;
    case '>=':
      return measured >= low;
    case '=':
      return measured === low;
    case 'within':
      return measured >= low && measured <= high;
  }
}

/** The demand in words, e.g. `< 5 ms`. */
export function wanted({
  op,
  threshold,
  unit,
}: Pick<CriterionDefinition, 'op' | 'threshold' | 'unit'>): string {
  return typeof threshold === 'number'
    ? `${op} ${threshold} ${unit}`.trim()
    : `within ${threshold[0]} and ${threshold[1]} ${unit}`.trim();
}

/** Four significant digits below 1000, whole numbers above. */
function format(value: number): string {
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}

/** The worst of several: a failure outweighs doubt, doubt outweighs a pass, and nothing decided is `skipped`. */
export function overallVerdict(criteria: readonly { readonly verdict: Verdict }[]): Verdict {
  const has = (verdict: Verdict): boolean => criteria.some((c) => c.verdict === verdict);
  if (has('fail')) return 'fail';
  if (has('inconclusive')) return 'inconclusive';
  return has('pass') ? 'pass' : 'skipped';
}
