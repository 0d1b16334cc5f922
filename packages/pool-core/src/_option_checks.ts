/**
 * Checks of single values.
 */
import { InvalidOptionError } from './errors.ts';

/** What a value has to be, in words and as a test. */
export type Check = readonly [wanted: string, ok: (value: unknown) => boolean];

const isNumber = (value: unknown): value is number => typeof value === 'number';
export const whole = (from: number): Check => [
  `a whole number >= ${from}`,
  (value) => Number.isInteger(value) && (value as number) >= from,
];
export const wholeOrNever = (from: number): Check => [
  `a whole number >= ${from}, or Infinity`,
  (value) =>
    value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && (value as number) >= from),
];
export const COUNT: Check = whole(0);
export const DURATION: Check = [
  'a number of ms > 0, or Infinity',
  (value) => isNumber(value) && value > 0,
];
export const FINITE: Check = [
  'a finite number of ms > 0',
  (value) => isNumber(value) && value > 0 && value < Number.POSITIVE_INFINITY,
];
export const SHARE: Check = [
  'a number from 0 to 1',
  (value) => isNumber(value) && value >= 0 && value <= 1,
];
export const BETWEEN: Check = [
  'a number between 0 and 1',
  (value) => isNumber(value) && value > 0 && value < 1,
];
export const FACTOR: Check = [
  'a finite number > 1',
  (value) => isNumber(value) && value > 1 && value < Number.POSITIVE_INFINITY,
];
export const POSITIVE: Check = [
  'a finite number > 0',
  (value) => isNumber(value) && value > 0 && value < Number.POSITIVE_INFINITY,
];
export const RATE: Check = ['a number > 0, or Infinity', (value) => isNumber(value) && value > 0];
export const oneOf = (allowed: readonly unknown[]): Check => [
  allowed.join(', '),
  (value) => allowed.includes(value),
];
export const TEXT: Check = ['a string', (value) => typeof value === 'string'];
export const FLAG: Check = ['true or false', (value) => typeof value === 'boolean'];
export const ATLEAST0: Check = [
  'a number of ms >= 0, or Infinity',
  (value) => isNumber(value) && value >= 0,
];

/** A count or duration given to one call. @throws InvalidOptionError */
export function checkCount(option: string, value: unknown): void {
  check(option, value, COUNT);
}

/** @throws InvalidOptionError */
export function checkDuration(option: string, value: unknown): void {
  check(option, value, ATLEAST0);
}

/** Every key is known and every value as wanted; undefined is as not given. @throws InvalidOptionError */
export function checkAll(
  given: object,
  checks: Readonly<Record<string, Check>>,
  prefix: string,
): void {
  if (typeof given !== 'object' || given === null) {
    throw new InvalidOptionError('options', given, 'an object');
  }
  for (const [key, value] of Object.entries(given)) {
    const known = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (known === undefined) {
      const wanted = `one of ${Object.keys(checks).join(', ')}`;
      throw new InvalidOptionError(`${prefix}${key}`, value, wanted);
    }
    if (value !== undefined) check(`${prefix}${key}`, value, known);
  }
}

/** @throws InvalidOptionError */
export function check(option: string, value: unknown, [wanted, ok]: Check): void {
  if (!ok(value)) throw new InvalidOptionError(option, value, wanted);
}

/** Without the keys that are undefined, so that spreading it does not undo a default. */
export function defined<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
