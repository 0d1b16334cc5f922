import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { CacheEngine } from './_cache_engine.ts';
import { type CacheFixture, cacheFixture, eventually } from './_cache_fixture.ts';
import { tuneInvalidation } from './invalidation_tuning.ts';
import { resolveOptions } from './options.ts';

let fixture: CacheFixture;
beforeEach(() => {
  fixture = cacheFixture(inject('redisUrl'));
});
afterEach(() => fixture[Symbol.asyncDispose]());

test('optimizeRedisPerformance() returns what it measured, applies what it says, and leaves nothing behind', {
  timeout: 60_000,
}, async () => {
  const cache = await fixture.node();
  const report = await cache.optimizeRedisPerformance();
  expect(report.variants.map((v) => `${v.reads} ${v.connections}`)).toEqual([
    'coalesced 1',
    'coalesced 2',
    'autopipelined 1',
    'single 1',
  ]);
  for (const variant of report.variants) {
    expect(variant.rounds).toHaveLength(5);
    expect(variant.rounds).toContain(variant.opsPerSecond);
    expect(variant.alone.p50).toBeGreaterThan(0);
  }
  expect(report.variants).toContainEqual(expect.objectContaining(report.after));
  expect(report.reason).toContain(report.after.reads);
  const best = Math.max(...report.variants.map((v) => v.opsPerSecond));
  const chosen = report.variants.find(
    (v) => v.connections === report.after.connections && v.reads === report.after.reads,
  );
  if (report.after !== report.before) expect(chosen?.opsPerSecond).toBeGreaterThan(best / 1.06);
  expect(await fixture.raw.keys(`${fixture.namespace}:p:*`)).toEqual([]);
  expect(await cache.getOrSet('k', () => 'works')).toBe('works');
});

test('optimizeCacheInvalidation() returns what it measured, applies what it says, and leaves nothing behind', {
  timeout: 60_000,
}, async () => {
  const cache = await fixture.node();
  const report = await cache.optimizeCacheInvalidation();
  expect(report.before).toEqual({ batchKeys: 500, batchesInFlight: 4, command: 'del' });
  expect(report.variants).toContainEqual(expect.objectContaining(report.after));
  for (const variant of report.variants) expect(variant.keysPerSecond).toBeGreaterThan(500);
  expect(report.keys).toBe(10_000);
  expect(await fixture.raw.keys(`${fixture.namespace}:p:*`)).toEqual([]);
});

test('what was chosen for invalidations is what the next choice begins with', async () => {
  const engine = new CacheEngine(
    resolveOptions({ redis: fixture.raw, namespace: fixture.namespace, hardTimeoutMs: 5000 }),
  );
  await engine.start();
  try {
    // Not the choice by default, so that it cannot be right by chance.
    engine.invalidator.shape = { batchKeys: 100, batchesInFlight: 1, command: 'del' };
    const report = await tuneInvalidation(engine, 1000);
    expect(report.before).toEqual({ batchKeys: 100, batchesInFlight: 1, command: 'del' });
    expect(engine.invalidator.shape).toEqual(report.after);
    expect((await tuneInvalidation(engine, 1000)).before).toEqual(report.after);
  } finally {
    await engine.close();
  }
});

test('close() ends every connection and can be called again; afterwards calls are refused', async () => {
  const cache = fixture.cold();
  const connections = async (): Promise<number> =>
    [...String(await fixture.raw.client('LIST')).matchAll(/name=fynlo-cache:(\S+) /g)].filter(
      (m) => m[1] === fixture.namespace,
    ).length;
  await cache.getOrSet('k', () => 'value');
  expect(await connections()).toBe(1);
  const closing = [cache.close(), cache.close()];
  await Promise.all(closing);
  await cache.close();
  await eventually(async () => (await connections()) === 0, 'the connections are gone');
  expect(() => cache.getOrSet('k', () => 'value')).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_CLOSED' }),
  );
  expect(() => cache.get('k')).toThrow(expect.objectContaining({ code: 'ERR_CACHE_CLOSED' }));
  await expect(cache.set('k', 1)).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
  await expect(cache.invalidate({ keys: ['k'] })).rejects.toMatchObject({
    code: 'ERR_CACHE_CLOSED',
  });
  await expect(cache.start()).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
  expect(cache.getCacheMetrics()).toMatchObject({ redisState: 'closed', localEntries: 0 });
  await fixture.cold().close(); // one that never opened anything
});
