import { expect, test } from 'vitest';
import { AcquireSites, placeOf } from './_acquire_sites.ts';

function entryPoint(sites: AcquireSites, now: number): string | undefined {
  return sites.take(now, entryPoint);
}

test('one acquire in so many milliseconds has its stack taken, from the caller on', () => {
  const sites = new AcquireSites(20);
  const first = entryPoint(sites, 1_000);
  expect(first?.split('\n')[0]).toContain('_acquire_sites_test');
  expect(first).not.toContain('at entryPoint');
  expect(entryPoint(sites, 1_019)).toBeUndefined();
  expect(entryPoint(sites, 1_020)).toBeDefined();
});

test('0 takes them all, Infinity none, also after a timeout', () => {
  const all = new AcquireSites(0);
  const none = new AcquireSites(Number.POSITIVE_INFINITY);
  none.alert(1);
  for (const now of [1, 1, 2]) {
    expect(entryPoint(all, now)).toBeDefined();
    expect(entryPoint(none, now)).toBeUndefined();
  }
});

test('after an acquire timed out they are taken more often, for a minute', () => {
  const sites = new AcquireSites(20);
  entryPoint(sites, 1_000);
  sites.alert(1_001);
  expect(entryPoint(sites, 1_001)).toBeDefined();
  expect(entryPoint(sites, 1_002)).toBeDefined();
  expect(entryPoint(sites, 61_002)).toBeDefined();
  expect(entryPoint(sites, 61_021)).toBeUndefined();
});

test('an application whose stacks cannot be read acquires all the same', () => {
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.prepareStackTrace = () => {
    throw new Error('of the application');
  };
  try {
    expect(entryPoint(new AcquireSites(0), 1)).toBeUndefined();
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
  }
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
});

test.each([
  ['    at report (/app/report.ts:3:7)', '/app/report.ts:3:7'],
  ['    at async Promise.all (index 0)\n    at async /app/a.js:1:2', '/app/a.js:1:2'],
  [
    '    at F.x (/app/node_modules/orm/i.js:1:1)\n    at b (file:///app/b.js:5:6)',
    'file:///app/b.js:5:6',
  ],
  ['    at F.x (/app/node_modules/orm/i.js:1:1)', '/app/node_modules/orm/i.js:1:1'],
  ['    at <anonymous>', undefined],
])('the place of %j is %s', (stack, place) => {
  expect(placeOf(stack)).toBe(place);
});
