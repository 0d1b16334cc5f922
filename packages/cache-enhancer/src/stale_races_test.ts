import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { deferred } from '@fynlo/testing/deferred';
import { Redis, type RedisOptions } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { type CacheFixture, cacheFixture, eventually, expired } from './_cache_fixture.ts';
import type { CachePerformanceEnhancer } from './cache_performance_enhancer.ts';

let fixture: CacheFixture;
beforeEach(() => {
  fixture = cacheFixture(inject('redisUrl'));
});
afterEach(() => fixture[Symbol.asyncDispose]());

const byKey = { options: {}, target: { keys: ['k'] } };
const byTag = { options: { tags: ['t', 'u'] }, target: { tags: ['t'] } };

describe('C01: reader loads the old value, writer commits and invalidates, reader stores', () => {
  test.each([
    ['one process, by key', 1, byKey],
    ['one process, by tag', 1, byTag],
    ['two processes, by key', 2, byKey],
    ['two processes, by tag', 2, byTag],
    ['three processes, by key', 3, byKey],
    ['three processes, by tag', 3, byTag],
  ])(
    '%s: nobody is served the old value after the invalidation',
    async (_name, count, { options, target }) => {
      const nodes = await Promise.all(Array.from({ length: count }, () => fixture.node()));
      const [reader, writer] = [nodes[0], nodes.at(-1)] as [
        CachePerformanceEnhancer,
        CachePerformanceEnhancer,
      ];
      let database = 'OLD';
      const read = deferred();
      const go = deferred();
      const early = Promise.resolve(
        reader.getOrSet(
          'k',
          async () => {
            const row = database;
            read.resolve();
            await go.promise;
            return row;
          },
          options,
        ),
      );
      await read.promise;
      database = 'NEW';
      await writer.invalidate(target);
      // Who asks now must not be given the load that began before.
      if (reader !== writer)
        await eventually(() => reader.getCacheMetrics().invalidationsReceived > 0, 'heard');
      const during = nodes.map((node) => node.getOrSet('k', async () => database, options));
      expect(await Promise.all(during)).toEqual(nodes.map(() => 'NEW'));
      go.resolve();
      expect(await early).toBe('OLD');
      await eventually(
        () => reader.getCacheMetrics().fillsRefused === 1,
        'the old fill is refused',
      );
      for (const node of nodes)
        expect(await node.getOrSet('k', async () => database, options)).toBe('NEW');
    },
  );

  test('the reader that stores after the invalidation, with nobody in between, leaves nothing behind', async () => {
    const reader = await fixture.node();
    const writer = await fixture.node();
    const read = deferred();
    const go = deferred();
    const early = Promise.resolve(
      reader.getOrSet('k', async () => {
        read.resolve();
        await go.promise;
        return 'OLD';
      }),
    );
    await read.promise;
    await writer.invalidate({ keys: ['k'] });
    go.resolve();
    await early;
    await eventually(() => reader.getCacheMetrics().fillsRefused === 1, 'refused');
    expect(await fixture.raw.exists(`${fixture.namespace}:k:k`)).toBe(0);
    expect(reader.peek('k')).toBeUndefined();
  });

  test('a refresh over an old value loses to an invalidation, by key and by tag', async () => {
    const node = await fixture.node({
      ttlMs: 30,
      graceMs: 60_000,
      ttlJitter: 0,
      earlyRefreshBeta: 0,
    });
    const writer = await fixture.node();
    for (const { options, target } of [byKey, byTag]) {
      await node.getOrSet('k', () => 'OLD', options);
      await expired(node, 'k');
      const read = deferred();
      const go = deferred();
      const stale = node.getOrSet(
        'k',
        async () => {
          read.resolve();
          await go.promise;
          return 'OLD';
        },
        options,
      );
      expect(await stale).toBe('OLD');
      await read.promise;
      const refused = node.getCacheMetrics().fillsRefused;
      await writer.invalidate(target);
      go.resolve();
      await eventually(() => node.getCacheMetrics().fillsRefused > refused, 'refused');
      expect(await writer.getOrSet('k', () => 'NEW', options)).toBe('NEW');
      await eventually(
        async () => (await node.getOrSet('k', () => 'NEW', options)) === 'NEW',
        'new everywhere',
      );
      await node.invalidate({ keys: ['k'] });
    }
  });
});

test('C02: a reply that was under way when its key was invalidated is given out, but not kept', async () => {
  const { hostname, port } = new URL(inject('redisUrl'));
  await using proxy = await startFaultProxy({ host: hostname, port: Number(port) });
  // Data through the proxy, the feed straight: the message overtakes the reply.
  const pattern = new Redis(inject('redisUrl'), { lazyConnect: true });
  pattern.duplicate = ((o: Partial<RedisOptions>) => {
    const at =
      o.protocol === 2
        ? { host: hostname, port: Number(port) }
        : { host: proxy.host, port: proxy.port };
    return new Redis({ ...pattern.options, ...o, ...at } as object);
  }) as typeof pattern.duplicate;
  const reader = await fixture.node({ redis: pattern });
  const writer = await fixture.node();
  await writer.getOrSet('k', () => 'OLD');
  await eventually(
    async () => (await fixture.raw.get(`${fixture.namespace}:k:k`))?.startsWith('v') === true,
    'filled',
  );

  proxy.set('blackhole-to-client');
  const before = proxy.bytesToServer;
  const early = Promise.resolve(reader.getOrSet('k', () => 'not called'));
  await eventually(() => proxy.bytesToServer > before, 'the read is sent');
  await eventually(async () => {
    await writer.invalidate({ keys: ['k'] });
    return reader.getCacheMetrics().invalidationsReceived > 0;
  }, 'the message overtakes');
  proxy.set('pass');
  expect(await early).toBe('OLD');
  expect(reader.peek('k')).toBeUndefined();
  expect(reader.getCacheMetrics().readsPoisoned).toBe(1);
  expect(await reader.getOrSet('k', () => 'NEW')).toBe('NEW');
});

test('C03: after random reads and writes on three processes no process holds an old value', {
  timeout: 60_000,
}, async () => {
  const seed = 20_231_117;
  const random = seeded(seed);
  const nodes = await Promise.all([0, 1, 2].map(() => fixture.node()));
  const database = new Array<number>(60).fill(0);
  const until = performance.now() + 2500;
  let reads = 0;
  let writes = 0;
  const pick = (): number => Math.floor(random() * database.length);
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const optionsOf = (k: number) => (k % 2 === 0 ? { tags: [`t${k}`] } : {});
  const reader = async (node: CachePerformanceEnhancer): Promise<void> => {
    while (performance.now() < until) {
      const k = pick();
      const load = async () => {
        const row = database[k] as number;
        await pause(random() * 4);
        return { row };
      };
      await node.getOrSet(`k${k}`, load, optionsOf(k));
      if (++reads % 32 === 0) await pause(0);
    }
  };
  const writer = async (node: CachePerformanceEnhancer): Promise<void> => {
    while (performance.now() < until) {
      const k = pick();
      database[k] = (database[k] as number) + 1;
      await node.invalidate(k % 2 === 0 ? { tags: [`t${k}`] } : { keys: [`k${k}`] });
      writes++;
      await pause(random() * 3);
    }
  };
  await Promise.all(
    nodes.flatMap((node) => [
      ...Array.from({ length: 8 }, () => reader(node)),
      writer(node),
      writer(node),
    ]),
  );
  await pause(300);
  let stale = 0;
  for (const [k, row] of database.entries()) {
    for (const node of nodes) {
      const got = await node.getOrSet(
        `k${k}`,
        () => ({ row: database[k] as number }),
        optionsOf(k),
      );
      if (got.row !== row) stale++;
    }
  }
  expect({ seed, stale }).toEqual({ seed, stale: 0 });
  expect(reads).toBeGreaterThan(500);
  expect(writes).toBeGreaterThan(100);
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
