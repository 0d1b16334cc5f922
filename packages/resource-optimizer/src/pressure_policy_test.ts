import { expect, test } from 'vitest';
import type { PressureConfig, PressureLevel } from './pressure_policy.ts';
import {
  CALM,
  cpuPressureConfig,
  memoryPressureConfig,
  nextPressure,
  worse,
} from './pressure_policy.ts';

const CONFIG: PressureConfig = {
  enter: { elevated: 0.6, high: 0.7, critical: 0.9 },
  margin: 0.05,
  raiseAfter: 3,
  lowerAfter: 4,
};

/** The level after each value. */
function levels(values: readonly number[], config = CONFIG): PressureLevel[] {
  let state = CALM;
  return values.map((value) => {
    state = nextPressure(state, value, config);
    return state.level;
  });
}
const last = (values: readonly number[]) => levels(values).at(-1);
const times = (count: number, value: number) => Array.from({ length: count }, () => value);

test.each([
  ['calm stays normal', times(10, 0.3), 'normal'],
  ['one sample over raises nothing', [0.3, 0.99, 0.3], 'normal'],
  ['two in a row raise nothing', [0.99, 0.99], 'normal'],
  ['three in a row raise', times(3, 0.75), 'high'],
  ['the level is the one all three prove', [0.95, 0.75, 0.95], 'high'],
  ['a gap begins the count anew', [0.75, 0.75, 0.5, 0.75, 0.75], 'normal'],
  ['exactly at the entry counts', times(3, 0.7), 'high'],
  ['three worse ones raise further', [...times(3, 0.65), ...times(3, 0.95)], 'critical'],
  ['within the margin nothing is left', [...times(3, 0.7), ...times(50, 0.66)], 'high'],
  ['under the margin it is left, by one step', [...times(3, 0.7), ...times(4, 0.64)], 'elevated'],
  ['then by the next', [...times(3, 0.7), ...times(8, 0.3)], 'normal'],
  ['from critical it takes three times four', [...times(3, 0.95), ...times(11, 0.1)], 'elevated'],
  ['a relapse begins the calm anew', [...times(3, 0.7), 0.1, 0.1, 0.1, 0.7, 0.1, 0.1, 0.1], 'high'],
  ['no evidence is no change', [...times(3, 0.7), ...times(20, Number.NaN)], 'high'],
])('nextPressure(): %s', (_, values, expected) => {
  expect(last(values)).toBe(expected);
});

test('a value that swings around a border changes the level once at most', () => {
  const seen = levels(Array.from({ length: 600 }, (_, i) => (i % 2 === 0 ? 0.72 : 0.68)));
  expect(changes(seen)).toBeLessThanOrEqual(1);
  const wide = levels(Array.from({ length: 600 }, (_, i) => 0.7 + 0.04 * Math.sin(i / 5)));
  expect(changes(wide)).toBeLessThanOrEqual(2);
});

function changes(seen: readonly PressureLevel[]): number {
  return seen.filter((level, i) => i > 0 && level !== seen[i - 1]).length;
}

test.each([
  ['memory', memoryPressureConfig],
  ['cpu', cpuPressureConfig],
])('%s levels ascend for every target that is allowed, and critical is under 1', (_, config) => {
  for (const target of [0.1, 0.3, 0.5, 0.7, 0.8, 0.95]) {
    const { elevated, high, critical } = config(target).enter;
    expect(elevated).toBeLessThan(high);
    expect(high).toBe(target);
    expect(critical).toBeGreaterThan(high);
    expect(critical).toBeLessThan(1);
  }
});

test('worse() takes the worse of two', () => {
  expect(worse('normal', 'high')).toBe('high');
  expect(worse('critical', 'high')).toBe('critical');
});
