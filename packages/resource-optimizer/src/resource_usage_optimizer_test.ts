import { deferred } from '@fynlo/testing/deferred';
import { expect, test } from 'vitest';
import { catching, FakePool, MIB, setUp } from './_optimizer_fixture.ts';
import { ConcurrencyLimiter } from './concurrency_limiter.ts';
import { InvalidOptionError, OverloadedError } from './errors.ts';

test('every second there is a sample, and getResourceMetrics() is the last one', async () => {
  const { clock, host, optimizer } = setUp();
  const samples: number[] = [];
  optimizer.on('sample', ({ timestamp }) =>
    samples.push(timestamp - clock.wallNow() + clock.now()),
  );
  optimizer.start();
  host.cpuShare = 0.25;
  host.loopShare = 0.4;
  await clock.advance(3500);
  expect(samples).toEqual([1000, 2000, 3000]);
  const metrics = optimizer.getResourceMetrics();
  expect(metrics).toMatchObject({
    memoryEfficiency: 0.8,
    gcCollectionTime: 2,
    networkEfficiency: null,
    cacheHitRatio: null,
    connectionReuseRatio: null,
  });
  expect(metrics.cpuUtilization).toBeCloseTo(0.25, 9);
  expect(metrics.detail.eventLoop.utilization).toBeCloseTo(0.4, 9);
  expect(metrics.detail.memory).toMatchObject({
    limitBytes: 1000 * MIB,
    source: 'cgroup-v2 memory.max',
    level: 'normal',
  });
  await optimizer.stop();
});

test('reuse and hit ratio come from what is attached, over the window', async () => {
  const { clock, optimizer } = setUp();
  const pool = new FakePool();
  pool.acquires = 5000;
  pool.created = 5000;
  optimizer.attach(pool, 'orders');
  optimizer.attachCache({ hitRatio: () => 0.9, lookups: () => 300 });
  const detach = optimizer.attachCache({ hitRatio: () => 0.5, lookups: () => 100 });
  optimizer.attachCache({
    hitRatio: () => {
      throw new Error('closed');
    },
  });
  optimizer.start();
  pool.acquires += 200;
  pool.created += 4;
  await clock.advance(1000);
  const metrics = optimizer.getResourceMetrics();
  expect(metrics.connectionReuseRatio).toBeCloseTo(0.98, 9);
  expect(metrics.networkEfficiency).toBeCloseTo(200 / 204, 9);
  expect(metrics.cacheHitRatio).toBeCloseTo(0.8, 9);
  expect(metrics.detail.network.pools[0]).toMatchObject({
    name: 'orders',
    acquires: 200,
    created: 4,
  });
  detach();
  await clock.advance(1000);
  expect(optimizer.getResourceMetrics().cacheHitRatio).toBe(0.9);
  // The window is a minute: what was before is forgotten.
  await clock.advance(62_000);
  expect(optimizer.getResourceMetrics().connectionReuseRatio).toBeNull();
  await optimizer.stop();
});

test('with act: false it samples and tells pressure, and does nothing', async () => {
  const { clock, host, optimizer, levels, actions } = setUp({ act: false });
  let asked = 0;
  optimizer.registerReliever({ name: 'cache', relieve: () => ({ freedBytes: ++asked }) });
  optimizer.start();
  host.rssMb = 900;
  host.heapUsedMb = 500;
  await clock.advance(10_000);
  expect(levels).toContain('memory critical');
  expect({ asked, collections: host.collections, actions }).toEqual({
    asked: 0,
    collections: 0,
    actions: [],
  });
  await optimizer.stop();
});

test('a calm process: every optimize… says what it did not do and why, and changes nothing', async () => {
  const { host, optimizer, settled } = setUp();
  const pool = new FakePool();
  optimizer.attach(pool, 'orders');
  for (const report of [
    await settled(optimizer.optimizeMemoryUsage()),
    await settled(optimizer.optimizeCpuUtilization()),
    await settled(optimizer.optimizeNetworkEfficiency()),
    await settled(optimizer.optimizeGarbageCollection()),
  ]) {
    expect(report.actions.length).toBeGreaterThan(0);
    for (const action of report.actions) {
      expect(action.applied).toBe(false);
      expect(action.reason).not.toBe('');
      expect(action.after).toBe(action.before);
    }
  }
  expect(host.collections).toBe(0);
  expect(pool.min).toBe(2);
});

test('over the CPU target relievers are asked and limiters cut; the effect is measured, and given back in calm', async () => {
  const { clock, host, optimizer, levels, actions } = setUp();
  const limiter = new ConcurrencyLimiter({ name: 'orders', initialLimit: 50, maxLimit: 50, clock });
  optimizer.attachLimiter(limiter);
  optimizer.registerReliever({
    name: 'batch',
    resource: 'cpu',
    relieve: () => {
      host.settle();
      host.cpuShare = 0.6;
      return { detail: 'paused the batch' };
    },
  });
  const effects: [number, number][] = [];
  optimizer.on('action', ({ name, before, after }) => {
    if (name === 'ease-cpu') effects.push([Number(before.toFixed(2)), Number(after.toFixed(2))]);
  });
  optimizer.start();
  host.cpuShare = 0.8;
  await clock.advance(4500);
  expect(levels).toEqual(['cpu high']);
  expect(actions).toEqual(['+reliever:batch', '+limit:orders', '+ease-cpu']);
  expect(effects).toEqual([[0.8, 0.6]]);
  expect(limiter.stats().maxLimit).toBe(40);
  host.settle();
  host.cpuShare = 0.1;
  await clock.advance(30_000);
  expect(levels.at(-1)).toBe('cpu normal');
  expect(limiter.stats().maxLimit).toBe(50);
  await optimizer.stop();
});

test('optimizeGarbageCollection() advises flags apart, and names a missed target', async () => {
  const { host, optimizer, settled } = setUp();
  host.gcP99Ms = 14;
  host.limitMb = 400;
  const { actions, advice } = await settled(optimizer.optimizeGarbageCollection());
  expect(actions).toMatchObject([{ name: 'collect-while-idle', applied: false }]);
  expect(advice).toHaveLength(1);
  expect(advice[0]?.setting).toMatch(/^--max-old-space-size=\d+$/);
  expect(advice[0]?.why).toMatch(/99th percentile pause is 14\.0 ms, wanted 10 ms/);
  expect(optimizer.recommendNodeOptions().flags).toEqual([advice[0]?.setting]);
});

test('who asks for an optimization that is under way gets its outcome; nothing is done twice', async () => {
  const { optimizer, settled } = setUp();
  let asked = 0;
  optimizer.registerReliever({ name: 'cache', relieve: () => ({ freedBytes: ++asked }) });
  const first = optimizer.optimizeMemoryUsage();
  const second = optimizer.optimizeMemoryUsage();
  expect(await settled(first)).toBe(await second);
  expect(asked).toBe(1);
});

test('before start() and after stop() everybody is let in, and no timer is left', async () => {
  const { clock, host, optimizer } = setUp();
  const queue = { name: 'http', oldestAgeMs: () => 9000 };
  optimizer.attachQueue(queue);
  optimizer.admit();
  expect(clock.pendingTimers()).toBe(0);
  optimizer.start();
  optimizer.start();
  optimizer.admit();
  await clock.advance(3000);
  expect(catching(() => optimizer.admit())).toBeInstanceOf(OverloadedError);
  await optimizer.stop();
  await optimizer.stop();
  expect(host).toMatchObject({ started: 1 });
  optimizer.admit();
  expect(clock.pendingTimers()).toBe(0);
});

test('stop() does not wait for a reliever that hangs, and aborts its signal', async () => {
  const { clock, optimizer } = setUp({ relieverTimeoutMs: 600_000 });
  let aborted = false;
  optimizer.registerReliever({
    name: 'hangs',
    relieve: ({ signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return deferred<undefined>().promise;
    },
  });
  optimizer.start();
  const report = optimizer.optimizeMemoryUsage();
  await clock.advance(1500);
  const stopped = optimizer.stop();
  await clock.advance(2000);
  await stopped;
  expect(aborted).toBe(true);
  expect((await report).actions[0]).toMatchObject({
    applied: false,
    reason: 'the optimizer was stopped',
  });
  expect(clock.pendingTimers()).toBe(0);
});

test('after stop() it can be started again', async () => {
  const { clock, optimizer } = setUp();
  let samples = 0;
  optimizer.on('sample', () => samples++);
  optimizer.start();
  await clock.advance(2500);
  await optimizer.stop();
  await clock.advance(5000);
  expect(samples).toBe(2);
  optimizer.start();
  await clock.advance(2500);
  expect(samples).toBe(4);
  await optimizer.stop();
});

test('a listener that throws stops neither the sampling nor the listeners after it', async () => {
  const { clock, optimizer } = setUp();
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  let heard = 0;
  const off = optimizer.on('sample', () => {
    throw new Error('bad listener');
  });
  optimizer.on('sample', () => heard++);
  optimizer.start();
  await clock.advance(1500);
  off();
  await clock.advance(1000);
  expect(heard).toBe(2);
  expect((await warned).message).toMatch(/"sample" listener threw.*bad listener/s);
  await optimizer.stop();
});

test('await using stops it', async () => {
  const { clock, host, optimizer } = setUp();
  {
    await using running = optimizer.start();
    await clock.advance(1500);
    expect(running.getResourceMetrics().memoryEfficiency).toBe(0.8);
  }
  expect(host.stopped).toBe(1);
  expect(clock.pendingTimers()).toBe(0);
});

test.each<[string, object, string]>([
  ['no name', { name: '', relieve: () => undefined }, 'name'],
  ['no function', { name: 'a', relieve: 7 }, 'relieve'],
  ['an unknown level', { name: 'a', levels: ['panic'], relieve: () => undefined }, 'levels'],
  ['an unknown resource', { name: 'a', resource: 'disk', relieve: () => undefined }, 'resource'],
])('a reliever with %s is refused', (_, reliever, field) => {
  const { optimizer } = setUp();
  const error = catching(() => optimizer.registerReliever(reliever as never));
  expect(error).toBeInstanceOf(InvalidOptionError);
  expect(error).toMatchObject({ field, code: 'ERR_RESOURCE_INVALID_OPTION' });
});

test('what is attached must be what it says', () => {
  const { optimizer } = setUp();
  for (const wrong of [undefined, null, {}, 7]) {
    expect(catching(() => optimizer.attach(wrong as never))).toBeInstanceOf(InvalidOptionError);
    expect(catching(() => optimizer.attachCache(wrong as never))).toBeInstanceOf(
      InvalidOptionError,
    );
    expect(catching(() => optimizer.attachQueue(wrong as never))).toBeInstanceOf(
      InvalidOptionError,
    );
    expect(catching(() => optimizer.attachLimiter(wrong as never))).toBeInstanceOf(
      InvalidOptionError,
    );
  }
  expect(catching(() => optimizer.admit({ priority: 'urgent' as never }))).toMatchObject({
    field: 'priority',
  });
});
