import { type RunningRedis, startRedis } from '@fynlo/services/redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type CacheFixture, cacheFixture, eventually, expired } from './_cache_fixture.ts';

let server: RunningRedis;
beforeAll(async () => {
  server = await startRedis({ external: false });
});
afterAll(() => server.stop());

let fixture: CacheFixture;
beforeEach(() => {
  fixture = cacheFixture(server.url, {
    hardTimeoutMs: 200,
    softTimeoutMs: 20,
    maxStalenessMs: 500,
    breakerProbeMs: 50,
  });
});
afterEach(async () => {
  server.thaw();
  await fixture[Symbol.asyncDispose]();
});

const timed = async <T>(call: () => T | Promise<T>): Promise<{ value: T; ms: number }> => {
  const began = performance.now();
  const value = await call();
  return { value, ms: performance.now() - began };
};

// Of several, the fastest: on a shared machine any single one may be held up by something else.
const fastest = async (calls: number, call: (i: number) => unknown): Promise<number> => {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < calls; i++) best = Math.min(best, (await timed(() => call(i))).ms);
  return best;
};

describe('C10: Redis is frozen', () => {
  test('a miss is loaded after the hard limit, and at once when the breaker is open', async () => {
    const cache = await fixture.node();
    const events: string[] = [];
    cache.on('redisDown', () => events.push('down'));
    cache.on('redisUp', () => events.push('up'));
    server.freeze();
    const first = await timed(() => cache.getOrSet('first', () => 'loaded'));
    expect(first.value).toBe('loaded');
    expect(first.ms).toBeGreaterThan(150);
    expect(first.ms).toBeLessThan(200 * 1.2 + 250); // 250: a machine under load
    expect(events).toEqual(['down']);
    expect(await fastest(20, (i) => cache.getOrSet(`next${i}`, () => 'loaded'))).toBeLessThan(5);
    expect(cache.getCacheMetrics()).toMatchObject({ redisState: 'down', breakerOpened: 1 });
    server.thaw();
    await eventually(() => events.includes('up'), 'the probe is answered');
    await cache.getOrSet('after', () => 'stored');
    await eventually(
      async () => (await fixture.raw.exists(`${fixture.namespace}:k:after`)) === 1,
      'Redis is used again',
    );
  });

  test('a local value past its TTL but in grace is there at once, before and after the breaker opens', async () => {
    const cache = await fixture.node({
      ttlMs: 30,
      graceMs: 60_000,
      ttlJitter: 0,
      earlyRefreshBeta: 0,
    });
    await cache.getOrSet('k', () => 'kept');
    await expired(cache, 'k');
    server.freeze();
    const first = await timed(() =>
      cache.getOrSet('k', () => new Promise<string>(() => undefined)),
    );
    expect(first.value).toBe('kept');
    expect(first.ms).toBeLessThan(150); // not the hard limit of 200
    await eventually(() => cache.getCacheMetrics().redisState === 'down', 'the breaker opens');
    expect(await fastest(20, () => cache.getOrSet('k', () => 'other'))).toBeLessThan(1);
  });

  test('a fresh local value that can no longer be proven waits the soft limit, not the hard one', async () => {
    const cache = await fixture.node({ hardTimeoutMs: 2000, graceMs: 60_000, maxStalenessMs: 100 });
    await cache.getOrSet('k', () => 'kept');
    await eventually(() => cache.peek('k') === 'kept', 'kept');
    server.freeze();
    await eventually(() => cache.peek('k') === undefined, 'the proof runs out');
    const got = await timed(() => cache.getOrSet('k', () => new Promise<string>(() => undefined)));
    expect(got.value).toBe('kept');
    expect(got.ms).toBeLessThan(1500);
    expect(cache.getCacheMetrics().staleServed).toBe(1);
  });

  test('without grace no unproven value is served', async () => {
    const cache = await fixture.node({ maxStalenessMs: 100 });
    await cache.getOrSet('k', () => 'old');
    await eventually(() => cache.peek('k') === 'old', 'kept');
    server.freeze();
    await eventually(() => cache.peek('k') === undefined, 'the proof runs out');
    expect(await cache.getOrSet('k', () => 'from the database')).toBe('from the database');
  });

  test('invalidate takes effect here, rejects, and is repeated when Redis is back', async () => {
    const cache = await fixture.node({ hardTimeoutMs: 50, softTimeoutMs: 10 });
    const other = await fixture.node();
    await cache.getOrSet('k', () => 'old');
    await cache.getOrSet('t', () => 'old', { tags: ['tag'] });
    await eventually(() => cache.peek('k') === 'old' && cache.peek('t') === 'old', 'kept');
    server.freeze();
    const refused = cache.invalidate({ keys: ['k'], tags: ['tag'] });
    expect(cache.peek('k')).toBeUndefined();
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_CACHE_INVALIDATION',
      keys: 1,
      tags: 1,
      pendingRetry: 2,
    });
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
    server.thaw();
    await eventually(() => cache.getCacheMetrics().invalidationsPending === 0, 'repeated');
    expect(await other.getOrSet('k', () => 'new')).toBe('new');
    expect(await other.getOrSet('t', () => 'new', { tags: ['tag'] })).toBe('new');
  });
});

describe('C11: Redis is killed', () => {
  test('loaders serve meanwhile, at most once per maxStalenessMs and key; a server that comes back empty is used again', async () => {
    const cache = await fixture.node();
    const other = await fixture.node();
    await cache.getOrSet('k', () => 'before');
    await server.kill();
    let runs = 0;
    for (let i = 0; i < 500; i++) {
      const value = await cache.getOrSet('hot', () => {
        runs++;
        return 'loaded';
      });
      expect(value).toBe('loaded');
    }
    expect(runs).toBeLessThan(20);
    await server.restart();
    await eventually(
      () =>
        cache.getCacheMetrics().feedState === 'armed' &&
        other.getCacheMetrics().feedState === 'armed',
      'both are back',
    );
    expect(await cache.getOrSet('k', () => 'after')).toBe('after');
    await eventually(() => cache.peek('k') === 'after', 'kept');
    await other.invalidate({ keys: ['k'] });
    await eventually(() => cache.peek('k') === undefined, 'the new feed works');
  });

  test('with its old data: what was invalidated meanwhile does not come back', async () => {
    await using durable = await startRedis({ external: false, durable: true });
    await using own = cacheFixture(durable.url, { hardTimeoutMs: 200, softTimeoutMs: 20 });
    const cache = await own.node();
    await cache.getOrSet('k', () => 'old');
    await eventually(
      async () => (await own.raw.get(`${own.namespace}:k:k`))?.startsWith('v') === true,
      'stored',
    );
    await durable.kill();
    await expect(cache.invalidate({ keys: ['k'] })).rejects.toMatchObject({
      code: 'ERR_CACHE_INVALIDATION',
    });
    await durable.restart();
    await eventually(() => cache.getCacheMetrics().invalidationsPending === 0, 'repeated');
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
  });
});

test('C40: with Redis down, a stream of misses leaves the heap flat', {
  timeout: 60_000,
}, async () => {
  const cache = await fixture.node({ maxLocalBytes: 256 * 1024 });
  server.freeze();
  const gc = globalThis.gc as () => void;
  let n = 0;
  const misses = async (count: number): Promise<number> => {
    for (let i = 0; i < count; i++) await cache.getOrSet(`miss:${n++}`, () => ({ n }));
    await cache.set('never', 1).catch(() => undefined);
    gc();
    gc();
    return process.memoryUsage().heapUsed;
  };
  await misses(10_000);
  const before = await misses(5000);
  const after = await misses(30_000);
  expect(after - before).toBeLessThan(3 * 1024 * 1024);
});

test('C13: FLUSHALL empties the in-process level of every process', async () => {
  const nodes = [
    await fixture.node({ maxStalenessMs: 10_000 }),
    await fixture.node({ maxStalenessMs: 10_000 }),
  ];
  for (const node of nodes) {
    await node.getOrSet('k', () => 'old');
    await eventually(() => node.peek('k') === 'old', 'kept');
  }
  await fixture.raw.flushall();
  await eventually(() => nodes.every((node) => node.peek('k') === undefined), 'empty');
  for (const node of nodes) expect(await node.getOrSet('k', () => 'new')).toBe('new');
});
