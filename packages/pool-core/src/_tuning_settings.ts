/**
 * Reading the option `tuning`.
 */
import { type Check, checkAll, defined } from './_option_checks.ts';
import { InvalidOptionError } from './errors.ts';
import { DEFAULT_TUNING, TUNING, type Tuning } from './tuning_options.ts';

const CHECKS: Readonly<Record<string, Check>> = Object.fromEntries(
  Object.entries(TUNING).map(([key, [, check]]) => [key, check]),
);

/** Each first may be as long as the second. */
const ORDERED = [
  ['backoffMinMs', 'backoffMaxMs'],
  ['serverHoldMs', 'serverHoldMaxMs'],
  ['ceilingHoldMs', 'ceilingHoldMaxMs'],
] as const;

/** @throws InvalidOptionError */
export function readTuning(given: Partial<Tuning>): Tuning {
  checkAll(given, CHECKS, 'tuning.');
  const tuning: Tuning = { ...DEFAULT_TUNING, ...defined(given) };
  for (const [low, high] of ORDERED) {
    if (tuning[low] <= tuning[high]) continue;
    const wanted = `at most tuning.${high} (${tuning[high]})`;
    throw new InvalidOptionError(`tuning.${low}`, tuning[low], wanted);
  }
  return tuning;
}
