import { expect, test } from 'vitest';
import { InvalidOptionError } from './errors.ts';
import { resolveLimiterOptions, resolveOptimizerOptions } from './options.ts';

test('without options the defaults are those of the documentation', () => {
  expect(resolveOptimizerOptions({})).toMatchObject({
    memoryTarget: 0.8,
    cpuTarget: 0.7,
    reuseTarget: 0.95,
    gcTargetMs: 10,
    sampleIntervalMs: 1000,
    act: true,
  });
  expect(resolveLimiterOptions({})).toMatchObject({
    minLimit: 1,
    maxLimit: 100,
    initialLimit: 8,
    maxWaiting: Number.POSITIVE_INFINITY,
  });
});

const NUMBERS = [
  'memoryTarget',
  'cpuTarget',
  'reuseTarget',
  'gcTargetMs',
  'sampleIntervalMs',
  'relieverCooldownMs',
  'relieverTimeoutMs',
  'trimMinReclaimableMb',
  'trimMaxUtilization',
  'trimCooldownMs',
  'trimMaxStallMs',
  'shedQueueAgeMs',
  'shedUtilization',
  'shedAfterMs',
  'shedReleaseMs',
];
const BAD = [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e12, '1', null, {}, true];

test('every numeric option refuses what is no number in its range, by name', () => {
  for (const field of NUMBERS) {
    for (const value of BAD) {
      const error = caught(() => resolveOptimizerOptions({ [field]: value }));
      expect(error, `${field}: ${value}`).toBeInstanceOf(InvalidOptionError);
      expect(error).toMatchObject({ field, value, code: 'ERR_RESOURCE_INVALID_OPTION' });
      expect((error as InvalidOptionError).message).toMatch(/wanted a (whole )?number from /);
    }
  }
});

test('a share given as per cent is refused with the range', () => {
  expect(() => resolveOptimizerOptions({ memoryTarget: 80 })).toThrow(
    'Cannot use option "memoryTarget": current value is 80, wanted a number from 0.1 to 0.95',
  );
});

test.each([
  ['an unknown option', { memoryTraget: 0.8 }, 'memoryTraget'],
  ['act that is no boolean', { act: 'yes' }, 'act'],
  ['a clock without methods', { clock: {} }, 'clock'],
  ['a host without methods', { host: { read() {} } }, 'host'],
  ['null instead of options', null, 'options'],
  ['an array instead of options', [], 'options'],
])('the optimizer refuses %s', (_, options, field) => {
  expect(caught(() => resolveOptimizerOptions(options as never))).toMatchObject({ field });
});

test.each([
  ['a minimum over the maximum', { minLimit: 5, maxLimit: 4 }, 'minLimit'],
  ['half an operation', { maxLimit: 2.5 }, 'maxLimit'],
  ['no operation at all', { minLimit: 0 }, 'minLimit'],
  ['a negative queue', { maxWaiting: -1 }, 'maxWaiting'],
  ['an unknown option', { max: 5 }, 'max'],
  ['isOverload that is no function', { isOverload: true }, 'isOverload'],
  ['a name that is no text', { name: 7 }, 'name'],
])('the limiter refuses %s', (_, options, field) => {
  expect(caught(() => resolveLimiterOptions(options as never))).toMatchObject({ field });
});

function caught(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
