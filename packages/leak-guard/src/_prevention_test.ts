import { beforeEach, expect, test } from 'vitest';
import { type PreventionSteps, prevent } from './_prevention.ts';
import { CacheRegistry } from './cache_registry.ts';

let caches: CacheRegistry;
let steps: PreventionSteps;

beforeEach(() => {
  caches = new CacheRegistry();
  steps = {
    caches,
    probeAllowed: true,
    leaked: () => 0,
    openLeases: () => 0,
    probe: async () => true,
    unreclaimed: () => 0,
    reclaimed: () => 0,
    reclaim: () => undefined,
    settled: async () => undefined,
    collectGarbage: async () => true,
    rssBytes: () => 100_000_000,
  };
});

const named = async (name: string, given: Partial<PreventionSteps> = {}) =>
  (await prevent({ ...steps, ...given })).find((action) => action.name === name);

test('with nothing to do every action says so', async () => {
  const actions = await prevent(steps);
  expect(actions.map(({ name, applied }) => ({ name, applied }))).toEqual([
    { name: 'probe', applied: false },
    { name: 'reclaim', applied: false },
    { name: 'trim', applied: false },
  ]);
  for (const { reason, before, after, costMs } of actions) {
    expect(reason).not.toBe('');
    expect(after).toBe(before);
    expect(costMs).toBeGreaterThanOrEqual(0);
  }
});

test('a probe that proves leaks, and their reclaim, show the change', async () => {
  let leaked = 0;
  let out = 0;
  let taken = 0;
  const leaks: Partial<PreventionSteps> = {
    openLeases: () => 5 - taken,
    leaked: () => leaked,
    unreclaimed: () => out,
    reclaimed: () => taken,
    probe: async () => {
      leaked = 2;
      out = 2;
      return true;
    },
    reclaim: () => {
      taken = 2;
      out = 0;
    },
  };
  const [probe, reclaim] = await prevent({ ...steps, ...leaks });
  expect(probe).toMatchObject({ applied: true, before: 5, after: 3, unit: 'leases' });
  expect(reclaim).toMatchObject({ applied: true, before: 2, after: 0, unit: 'leases' });
});

test.each<[string, Partial<PreventionSteps>]>([
  ['probes are off', { probeAllowed: false, openLeases: () => 1 }],
  ['no major collection could be brought about', { probe: async () => false, openLeases: () => 1 }],
  ["all 1 open leases are within somebody's reach", { openLeases: () => 1 }],
])('a probe that does nothing says: %s', async (reason, given) => {
  expect(await named('probe', given)).toMatchObject({ applied: false, reason });
});

test('a reclaim that the pool refuses is not applied', async () => {
  expect(await named('reclaim', { unreclaimed: () => 1 })).toMatchObject({
    applied: false,
    before: 1,
    after: 1,
  });
});

test.each([
  ['halved', 600, { shrink: (to: number) => to }, true, 300],
  ['its owner gave no way to shrink it', 600, {}, false, 600],
  ['it is empty', 0, { shrink: (to: number) => to }, false, 0],
])('a cache: %s', async (reason, bytes, cache, applied, after) => {
  let held = bytes;
  const { shrink } = cache as { shrink?: (to: number) => number };
  caches.register('pages', {
    bytes: () => held,
    ...(shrink && {
      shrink: (to: number) => {
        held = shrink(to);
        return held;
      },
    }),
  });
  expect(await named('shrink pages')).toMatchObject({
    applied,
    reason,
    before: bytes,
    after,
    unit: 'bytes',
  });
});

test('a cache that claims to shrink and does not, or throws, is found out', async () => {
  caches.register('liar', { bytes: () => 10, shrink: () => 0 });
  caches.register('broken', {
    bytes: () => 10,
    shrink: () => {
      throw new Error('no');
    },
  });
  expect(await named('shrink liar')).toMatchObject({
    applied: false,
    reason: 'its owner freed nothing',
    after: 10,
  });
  expect(await named('shrink broken')).toMatchObject({
    applied: false,
    reason: 'its shrink() threw: Error: no',
  });
});

test('a trim shows what it gave back, and a debugger that prevents it', async () => {
  const sizes = [300_000_000, 60_000_000];
  const given = { rssBytes: () => sizes.shift() ?? 0 };
  expect(await named('trim', given)).toMatchObject({
    applied: true,
    before: 300_000_000,
    after: 60_000_000,
  });
  expect(await named('trim', { collectGarbage: async () => false })).toMatchObject({
    applied: false,
    reason: 'no inspector, or a debugger is attached',
  });
});
