/**
 * Reading the option `tuning`: its limits.
 */
import {
  ATLEAST0,
  type Check,
  COUNT,
  checkAll,
  DURATION,
  defined,
  FACTOR,
  FINITE,
  isNumber,
  POSITIVE,
  RATE,
  SHARE,
  whole,
} from './_option_checks.ts';
import { InvalidOptionError } from './errors.ts';
import { DEFAULT_TUNING, type Tuning } from './tuning_options.ts';

const TUNING_CHECKS: Readonly<Record<keyof Tuning, Check>> = {
  waitTargetMs: FINITE,
  connectGuessMs: FINITE,
  maxConnectingCap: whole(1),
  connectSlower: FACTOR,
  connectMuchSlower: FACTOR,
  connectForget: FACTOR,
  serverHeadroom: COUNT,
  serverLimitsFrom: COUNT,
  serverLimitsMs: DURATION,
  serverHoldMs: FINITE,
  serverHoldMaxMs: FINITE,
  tickMs: FINITE,
  busyTickMs: FINITE,
  targetUtilization: [
    'a number above 0, to 1',
    (value) => isNumber(value) && value > 0 && value <= 1,
  ],
  growthPerTick: FACTOR,
  growthTicks: whole(1),
  growthWindowTicks: whole(1),
  shrinkWindowTicks: whole(1),
  shrinkAfterGrowthMs: ATLEAST0,
  shrinkPerTick: SHARE,
  retirePerSecond: RATE,
  minElasticity: SHARE,
  ceilingCut: ['a number between 0 and 1', (value) => isNumber(value) && value > 0 && value < 1],
  growthStep: FACTOR,
  unprovenGrowthStep: FACTOR,
  growthStepFloor: whole(1),
  ceilingHoldMs: FINITE,
  ceilingHoldMaxMs: FINITE,
  minCompletions: whole(1),
  evidenceMs: FINITE,
  judgedGrowth: POSITIVE,
  bestMemory: SHARE,
  workingShare: SHARE,
  presentShare: SHARE,
  collapsedShare: SHARE,
  collapseHold: POSITIVE,
  recovered: FACTOR,
  backlogHold: POSITIVE,
  probeStride: POSITIVE,
  ceilingFloor: COUNT,
  fullElasticity: SHARE,
  quickHold: POSITIVE,
  trendMemory: whole(2),
  trendCorrelation: SHARE,
  loopDelayMs: FINITE,
  loopUtilization: SHARE,
  backoffMinMs: FINITE,
  backoffMaxMs: FINITE,
  fatalRetryMs: FINITE,
  eventsKept: whole(1),
};

/** @throws InvalidOptionError */
export function readTuning(given: Partial<Tuning>): Tuning {
  checkAll(given, TUNING_CHECKS, 'tuning.');
  const tuning: Tuning = { ...DEFAULT_TUNING, ...defined(given) };
  if (tuning.backoffMinMs > tuning.backoffMaxMs) {
    throw new InvalidOptionError(
      'tuning.backoffMinMs',
      tuning.backoffMinMs,
      `at most tuning.backoffMaxMs (${tuning.backoffMaxMs})`,
    );
  }
  return tuning;
}
