import { deferred } from '@fynlo/testing/deferred';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { type CacheFixture, cacheFixture, eventually, expired } from './_cache_fixture.ts';

let fixture: CacheFixture;
beforeEach(() => {
  fixture = cacheFixture(inject('redisUrl'));
});
afterEach(() => fixture[Symbol.asyncDispose]());

const later = <T>(ms: number, value: T): Promise<T> =>
  new Promise((resolve) => setTimeout(() => resolve(value), ms));

test.each([
  ['tracking', {}],
  ['no tracking', { coherence: 'ttl' as const }],
])(
  'C20: 4 processes with 250 callers each on one cold key run one loader (%s)',
  async (_name, settings) => {
    const nodes = await Promise.all([0, 1, 2, 3].map(() => fixture.node(settings)));
    let runs = 0;
    const load = () => {
      runs++;
      return later(80, 'value');
    };
    const got = await Promise.all(
      nodes.flatMap((node) => Array.from({ length: 250 }, () => node.getOrSet('cold', load))),
    );
    expect(new Set(got)).toEqual(new Set(['value']));
    expect(runs).toBe(1);
    expect(nodes.reduce((sum, node) => sum + node.getCacheMetrics().requests, 0)).toBe(1000);
  },
);

test('C20: an expired value in grace is refreshed by one process of four, and nobody waits', async () => {
  const nodes = await Promise.all(
    [0, 1, 2, 3].map(() =>
      fixture.node({ ttlMs: 100, graceMs: 60_000, ttlJitter: 0, earlyRefreshBeta: 0 }),
    ),
  );
  for (const node of nodes) {
    await eventually(async () => {
      await node.getOrSet('k', () => 'old');
      return node.getCacheMetrics().localEntries > 0;
    }, 'kept');
  }
  await Promise.all(nodes.map((node) => expired(node, 'k')));
  let runs = 0;
  const go = deferred();
  const load = async () => {
    runs++;
    await go.promise;
    return 'new';
  };
  const got = await Promise.all(
    nodes.flatMap((node) => Array.from({ length: 50 }, () => node.getOrSet('k', load))),
  );
  expect(new Set(got)).toEqual(new Set(['old']));
  await eventually(() => runs > 0, 'the refresh begins');
  await later(50, undefined);
  expect(runs).toBe(1);
  go.resolve();
  await eventually(
    async () => (await nodes[3]?.getOrSet('k', load)) === 'new',
    'refreshed for all',
  );
});

test('C21: a failing loader runs once for 50 callers; each gets the error, and the next call loads again', async () => {
  const node = await fixture.node();
  let runs = 0;
  const down = new Error('database down');
  const load = async (): Promise<string> => {
    runs++;
    await later(30, undefined);
    throw down;
  };
  const outcomes = await Promise.allSettled(
    Array.from({ length: 50 }, () => node.getOrSet('k', load)),
  );
  expect(runs).toBe(1);
  for (const outcome of outcomes) expect(outcome).toEqual({ status: 'rejected', reason: down });
  expect(await node.getOrSet('k', () => 'up again')).toBe('up again');
  expect(node.getCacheMetrics()).toMatchObject({ loadErrors: 1, loads: 2 });
});

test('C21: a loader that throws at once is no different', async () => {
  const node = await fixture.node();
  const load = (): string => {
    throw new TypeError('at once');
  };
  await expect(Promise.resolve(node.getOrSet('k', load))).rejects.toThrow('at once');
  expect(await node.getOrSet('k', () => 'fine')).toBe('fine');
});

test('C21: a refresh that fails leaves the value in grace, and does not ask at the rate of the callers', async () => {
  const node = await fixture.node({
    ttlMs: 30,
    graceMs: 60_000,
    ttlJitter: 0,
    earlyRefreshBeta: 0,
  });
  await node.getOrSet('k', () => 'old');
  await expired(node, 'k');
  let runs = 0;
  const load = async (): Promise<string> => {
    runs++;
    throw new Error('database down');
  };
  const ask = async (): Promise<void> => expect(await node.getOrSet('k', load)).toBe('old');
  await eventually(async () => {
    await ask();
    return runs > 0;
  }, 'the refresh begins');
  for (let i = 0; i < 200; i++) {
    await ask();
    if (i % 10 === 0) await later(1, undefined);
  }
  expect(runs).toBe(1);
});

test('C22: after the crash of the one who loads, the next loads when the lease has run out', async () => {
  const crashed = await fixture.node({ leaseMs: 600 });
  const next = await fixture.node({ leaseMs: 600 });
  const forever = new Promise<string>(() => undefined);
  const began = performance.now();
  void crashed.getOrSet('k', () => forever);
  await eventually(
    async () => (await fixture.raw.exists(`${fixture.namespace}:k:k`)) === 1,
    'the lease stands',
  );
  const waiting = next.getOrSet('k', () => 'loaded by the next');
  await crashed.close(); // no renewal any more, and no goodbye: the lease stays
  expect(await waiting).toBe('loaded by the next');
  expect(performance.now() - began).toBeGreaterThan(300);
});

test('C23: a loader slower than the lease keeps it by renewing, and stays the only one', async () => {
  const [a, b] = [await fixture.node({ leaseMs: 300 }), await fixture.node({ leaseMs: 300 })];
  let runs = 0;
  const load = () => {
    runs++;
    return later(1200, 'slow');
  };
  expect(await Promise.all([a.getOrSet('k', load), b.getOrSet('k', load)])).toEqual([
    'slow',
    'slow',
  ]);
  expect(runs).toBe(1);
});

test('C23: whoever lost the lease all the same does not overwrite the value of the one who has it', async () => {
  const [a, b] = [await fixture.node(), await fixture.node()];
  const go = deferred();
  const late = Promise.resolve(
    a.getOrSet('k', async () => {
      await go.promise;
      return 'late';
    }),
  );
  const key = `${fixture.namespace}:k:k`;
  await eventually(async () => (await fixture.raw.exists(key)) === 1, 'the lease stands');
  await fixture.raw.del(key); // as if it had expired while the process stood still
  expect(await b.getOrSet('k', () => 'in time')).toBe('in time');
  go.resolve();
  expect(await late).toBe('late');
  await eventually(() => a.getCacheMetrics().fillsRefused === 1, 'refused');
  expect(await a.getOrSet('k', () => 'third')).toBe('in time');
});

test('a loader that never settles fails with the limit, and its signal is aborted', async () => {
  const node = await fixture.node({ loaderTimeoutMs: 50 });
  let signal: AbortSignal | undefined;
  const hanging = Promise.resolve(
    node.getOrSet('k', (context) => {
      signal = context.signal;
      return new Promise<string>(() => undefined);
    }),
  );
  await expect(hanging).rejects.toMatchObject({
    code: 'ERR_CACHE_LOADER_TIMEOUT',
    key: 'k',
    timeoutMs: 50,
  });
  expect(signal?.aborted).toBe(true);
  expect(await node.getOrSet('k', () => 'free again')).toBe('free again');
});

test('a value is refreshed before it expires, more likely the longer it takes to load', async () => {
  // random 1 - 1/e draws exactly beta times the load time.
  const node = await fixture.node({
    ttlMs: 400,
    ttlJitter: 0,
    earlyRefreshBeta: 1,
    random: () => 1 - Math.exp(-1),
  });
  let n = 0;
  await node.getOrSet('k', () => later(200, ++n));
  await eventually(() => node.peek('k') === 1, 'kept');
  const seen: unknown[] = [];
  await eventually(async () => {
    seen.push(await node.getOrSet('k', () => later(50, ++n)));
    await later(5, undefined);
    return seen.at(-1) === 2;
  }, 'refreshed');
  expect(node.getCacheMetrics()).toMatchObject({ refreshes: 1, misses: 1 });
});
