import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { type CacheFixture, cacheFixture, eventually } from './_cache_fixture.ts';

let fixture: CacheFixture;
beforeEach(() => {
  fixture = cacheFixture(inject('redisUrl'));
});
afterEach(() => fixture[Symbol.asyncDispose]());

test('10 000 keys are invalidated in every process, far above 500 keys a second', async () => {
  const [a, b] = [await fixture.node(), await fixture.node()];
  const keys = Array.from({ length: 10_000 }, (_, i) => `k${i}`);
  for (const cache of [a, b]) await Promise.all(keys.map((key, i) => cache.getOrSet(key, () => i)));
  await eventually(() => b.getCacheMetrics().localEntries === 10_000, 'kept');
  const began = performance.now();
  const result = await a.invalidate({ keys });
  expect(result).toMatchObject({ keys: 10_000, tags: 0 });
  await eventually(() => b.getCacheMetrics().localEntries === 0, 'the other process heard of all');
  expect(10_000 / ((performance.now() - began) / 1000)).toBeGreaterThan(5000);
  expect(result.tookMs).toBeLessThan(performance.now() - began);
  expect(a.getCacheMetrics().localEntries).toBe(0);
  expect(await fixture.raw.keys(`${fixture.namespace}:*`)).toEqual([]);
  // Nearly all of it goes into storing 20 000 values first: on a busy machine longer than the usual limit.
}, 60_000);

test('a tag of 2 000 keys is invalidated with one command', async () => {
  const [a, b] = [await fixture.node(), await fixture.node()];
  const options = { tags: ['menu', 'shop:7'] };
  const keys = Array.from({ length: 2000 }, (_, i) => `k${i}`);
  for (const cache of [a, b])
    await Promise.all(keys.map((key) => cache.getOrSet(key, () => 'old', options)));
  await eventually(() => b.getCacheMetrics().localEntries === 2000, 'kept');
  expect(await a.invalidate({ tags: ['shop:7'] })).toMatchObject({ keys: 0, tags: 1 });
  await eventually(() => b.getCacheMetrics().localEntries === 0, 'the other process heard of it');
  let runs = 0;
  const got = await Promise.all(
    keys.map((key) =>
      b.getOrSet(
        key,
        () => {
          runs++;
          return 'new';
        },
        options,
      ),
    ),
  );
  expect(new Set(got)).toEqual(new Set(['new']));
  expect(runs).toBe(2000);
});

test.each([
  ['in Redis', { maxLocalBytes: 0 }],
  ['in the process', {}],
])(
  'a value stored under fewer tags than the caller wants is loaded anew (%s)',
  async (_name, settings) => {
    const cache = await fixture.node(settings);
    await cache.getOrSet('k', () => 'untagged');
    expect(await cache.getOrSet('k', () => 'tagged', { tags: ['t'] })).toBe('tagged');
    expect(await cache.getOrSet('k', () => 'again', { tags: ['t'] })).toBe('tagged');
  },
);

test('a lost tag stamp costs a reload, and never revives an old value', async () => {
  const cache = await fixture.node({ maxLocalBytes: 0 });
  await cache.getOrSet('k', () => 'old', { tags: ['t'] });
  await cache.invalidate({ tags: ['t'] });
  await fixture.raw.del(`${fixture.namespace}:t:t`);
  expect(await cache.getOrSet('k', () => 'new', { tags: ['t'] })).toBe('new');
});

test('nothing to invalidate is no work', async () => {
  const cache = await fixture.node();
  expect(await cache.invalidate({})).toMatchObject({ keys: 0, tags: 0 });
});
