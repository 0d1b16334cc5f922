import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { type CacheFixture, cacheFixture, eventually } from './_cache_fixture.ts';

let fixture: CacheFixture;
beforeEach(() => {
  fixture = cacheFixture(inject('redisUrl'));
});
afterEach(() => fixture[Symbol.asyncDispose]());

describe('getOrSet', () => {
  test('answers a local hit with the value itself, not with a promise', async () => {
    const cache = await fixture.node();
    await cache.getOrSet('k', async () => ({ n: 1 }));
    await eventually(() => cache.peek('k') !== undefined, 'the value is kept');
    expect(cache.getOrSet('k', () => ({ n: 2 }))).toEqual({ n: 1 });
    expect(cache.getOrSet('k', () => ({ n: 2 }))).toBe(cache.peek('k'));
  });

  test('works without start(), and a second process finds the value in Redis', async () => {
    const first = fixture.cold();
    const second = fixture.cold();
    expect(await first.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(await second.getOrSet('k', () => 'loaded again')).toBe('loaded');
    expect(second.getCacheMetrics()).toMatchObject({ hits: { redis: 1 }, misses: 0, loads: 0 });
  });

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['false', false],
    ['0', 0],
    ['an empty text', ''],
    ['text that looks like a lease', 'Lx;'],
    ['an empty array', []],
    ['nested', { a: [{ b: null }], c: 'ü🏔\u0000\n' }],
  ])('C40: caches %s, in both levels', async (_name, value) => {
    const first = await fixture.node();
    const second = await fixture.node();
    let loads = 0;
    const load = async () => {
      loads++;
      return value;
    };
    for (const cache of [first, first, second, second]) {
      expect(await cache.getOrSet<unknown>('k', load)).toEqual(value);
    }
    expect(loads).toBe(1);
  });

  test.each([
    'a,b',
    'a,b,c',
    '{tag}:x',
    '{',
    '}{',
    'with space\r\n"quotes"',
    '\u0000\u0001\u00ff',
    Buffer.from([0, 128, 255, 44]).toString('latin1'),
    'Zürich 🏔',
    '*?[a]\\',
    'x'.repeat(10_000),
  ])('C40: the key %j is its own, and an invalidation from elsewhere finds it', async (key) => {
    const here = await fixture.node();
    const there = await fixture.node();
    await here.getOrSet(`${key}!`, () => 'neighbour');
    await here.getOrSet(key, () => 'old');
    await eventually(
      () => here.peek(key) === 'old' && here.peek(`${key}!`) === 'neighbour',
      'kept',
    );
    await there.invalidate({ keys: [key] });
    await eventually(() => here.peek(key) === undefined, 'the message arrives');
    expect(here.peek(`${key}!`)).toBe('neighbour');
    expect(await here.getOrSet(key, () => 'new')).toBe('new');
  });

  test('every caller gets the shape that Redis can keep, the first one too', async () => {
    const cache = await fixture.node();
    const at = new Date(0);
    expect(await cache.getOrSet<unknown>('k', () => ({ at }))).toEqual({ at: at.toJSON() });
    expect(await cache.getOrSet<unknown>('k', () => ({ at }))).toEqual({ at: at.toJSON() });
  });

  test.each<[string, unknown]>([
    ['an Error object', new Error('not thrown')],
    ['a function', () => 1],
    ['a BigInt', 1n],
    ['NaN', Number.NaN],
    [
      'a circle',
      (() => {
        const a: { self?: unknown } = {};
        a.self = a;
        return a;
      })(),
    ],
  ])('C40: refuses %s as a value, and the key stays free', async (_name, value) => {
    const cache = await fixture.node();
    const got = Promise.resolve(cache.getOrSet<unknown>('k', () => value));
    await expect(got).rejects.toMatchObject({ code: 'ERR_CACHE_VALUE', key: 'k' });
    expect(await cache.getOrSet('k', () => 'fine')).toBe('fine');
  });

  test('a value that something else wrote to the key is loaded anew and replaced', async () => {
    const cache = await fixture.node();
    for (const foreign of ['hello', `v1;zz;0;0;\n{broken`]) {
      await fixture.raw.set(`${fixture.namespace}:k:k`, foreign);
      const unreadable: string[] = [];
      const off = cache.on('valueUnreadable', ({ key }) => unreadable.push(key));
      expect(await cache.getOrSet('k', () => foreign.length)).toBe(foreign.length);
      off();
      await cache.invalidate({ keys: ['k'] });
      // The second text is past its time and is replaced without being read.
      expect(unreadable.length).toBeLessThanOrEqual(1);
    }
  });

  test('a null is forgotten after the negative TTL, a value is not', async () => {
    const cache = await fixture.node({ negativeTtlMs: 60, ttlJitter: 0 });
    let row: string | null = null;
    expect(await cache.getOrSet('row', () => row)).toBeNull();
    expect(await cache.getOrSet('other', () => 'there')).toBe('there');
    row = 'inserted';
    await eventually(
      async () => (await cache.getOrSet('row', () => row)) === 'inserted',
      'loaded again',
    );
    expect(await cache.getOrSet('other', () => 'changed')).toBe('there');
  });
});

describe('the other ways to a value', () => {
  test('get and getMany find what is there and load nothing', async () => {
    const writer = await fixture.node();
    const reader = await fixture.node();
    await writer.set('a', 1);
    await writer.set('b', { two: 2 }, { tags: ['t'] });
    expect(await reader.get('a')).toBe(1);
    expect(await reader.getMany(['a', 'missing', 'b'])).toEqual([1, undefined, { two: 2 }]);
    expect(reader.get('a')).toBe(1);
    expect(reader.getCacheMetrics()).toMatchObject({ loads: 0, misses: 1 });
    await writer.invalidate({ tags: ['t'] });
    await eventually(() => reader.peek('b') === undefined, 'the tag reaches the reader');
    expect(await reader.get('b')).toBeUndefined();
  });

  test('getMany asks for all with one MGET', async () => {
    const writer = await fixture.node();
    const reader = await fixture.node();
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key, i) => writer.set(key, i)));
    expect(await reader.getMany(keys)).toEqual(keys.map((_, i) => i));
    expect(reader.getCacheMetrics().largestReadBatch).toBe(100);
  });

  test('set replaces the value everywhere, and the lease of who is loading', async () => {
    const a = await fixture.node();
    const b = await fixture.node();
    let release: (value: string) => void = () => undefined;
    const loading = Promise.resolve(
      a.getOrSet(
        'k',
        () =>
          new Promise<string>((resolve) => {
            release = resolve;
          }),
      ),
    );
    await eventually(
      async () => (await fixture.raw.exists(`${fixture.namespace}:k:k`)) === 1,
      'the lease stands',
    );
    await b.set('k', 'set');
    release('loaded');
    expect(await loading).toBe('loaded');
    await eventually(() => a.getCacheMetrics().fillsRefused === 1, 'the fill is refused');
    expect(await a.getOrSet('k', () => 'again')).toBe('set');
  });

  test('wrap caches by the key of the arguments', async () => {
    const cache = await fixture.node();
    const calls: string[] = [];
    const price = cache.wrap(
      async (drink: string, size: number) => {
        calls.push(drink);
        return drink.length * size;
      },
      (drink, size) => `price:${drink}:${size}`,
    );
    expect([await price('mocha', 2), await price('mocha', 2), await price('mocha', 3)]).toEqual([
      10, 10, 15,
    ]);
    expect(calls).toEqual(['mocha', 'mocha']);
  });

  test('a namespace keeps its keys and tags to itself', async () => {
    const cache = await fixture.node();
    const [users, orders] = [cache.namespace('users'), cache.namespace('orders')];
    await users.getOrSet('1', () => 'user', { tags: ['all'] });
    await orders.getOrSet('1', () => 'order', { tags: ['all'] });
    await users.invalidate({ tags: ['all'] });
    expect(await users.get('1')).toBeUndefined();
    expect(await orders.get('1')).toBe('order');
    expect(
      await cache
        .namespace('a')
        .namespace('b')
        .getOrSet('c', () => 1),
    ).toBe(1);
    expect(await cache.get('a:b:c')).toBe(1);
  });
});

test('metrics count each request once, and the ceiling is that of a cache without bounds', async () => {
  const cache = await fixture.node();
  for (let i = 0; i < 100; i++) {
    await cache.getOrSet(`k${i % 20}`, () => i);
    await eventually(() => cache.peek(`k${i % 20}`) !== undefined, 'kept');
  }
  const m = cache.getCacheMetrics();
  expect(m).toMatchObject({
    requests: 100,
    hits: { local: 80, redis: 0 },
    misses: 20,
    loads: 20,
    distinctKeys: 20,
  });
  expect(m.hitRatio).toBe(0.8);
  expect(m.achievableHitRatio).toBe(0.8);
  expect(m.latency.count).toBe(100);
  expect(m.latency.p99).toBeGreaterThanOrEqual(m.latency.p50);
  expect(cache.hitRatio()).toBe(0.8);
  expect(cache.bytes()).toBe(m.localBytes);
  expect(cache.shrink(0)).toBe(m.localBytes);
  expect(cache.getCacheMetrics().localEntries).toBe(0);
});
