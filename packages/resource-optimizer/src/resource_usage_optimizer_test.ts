import type { PoolStats } from '@fynlo/pool-core/contract';
import { deferred } from '@fynlo/testing/deferred';
import { FakeClock } from '@fynlo/testing/fake-clock';
import { expect, test } from 'vitest';
import { FakeHost } from './_fake_host.ts';
import { ConcurrencyLimiter } from './concurrency_limiter.ts';
import { InvalidOptionError, OverloadedError } from './errors.ts';
import type { ResourceUsageOptimizerOptions } from './options.ts';
import type { Pressure } from './relievers.ts';
import type { OptimizationReport } from './report.ts';
import { ResourceUsageOptimizer } from './resource_usage_optimizer.ts';

const MIB = 1024 * 1024;

function setUp(options: ResourceUsageOptimizerOptions = {}) {
  const clock = new FakeClock();
  const host = new FakeHost(() => clock.now());
  const optimizer = new ResourceUsageOptimizer({ clock, host, ...options });
  const levels: string[] = [];
  const actions: string[] = [];
  optimizer.on('pressure', ({ resource, to }) => levels.push(`${resource} ${to}`));
  optimizer.on('action', ({ name, applied }) => actions.push(`${applied ? '+' : '-'}${name}`));
  /** Awaits a report while virtual time passes. */
  const settled = async (report: Promise<OptimizationReport>, ms = 10_000) => {
    await clock.advance(ms);
    return await report;
  };
  return { clock, host, optimizer, levels, actions, settled };
}

class FakePool {
  acquires = 0;
  created = 0;
  idle = 0;
  leased = 0;
  waiting = 0;
  oldestWaitMs = 0;
  min = 2;
  max = 50;
  destroyed: PoolStats['destroyed'] = {};
  evicted = 0;
  stats() {
    const { acquires, created, idle, leased, waiting, oldestWaitMs, min, max, destroyed } = this;
    const none = { acquireTimeouts: 0, acquireRejections: 0, createFailures: 0 };
    const size = idle + leased;
    return {
      acquires,
      created,
      idle,
      leased,
      waiting,
      oldestWaitMs,
      min,
      max,
      destroyed,
      size,
      ...none,
    };
  }
  resize({ min, max }: { min?: number; max?: number }): void {
    this.min = min ?? this.min;
    this.max = max ?? this.max;
  }
  evictIdle(): number {
    const evicted = Math.max(0, this.idle - this.min);
    this.idle -= evicted;
    this.evicted += evicted;
    return evicted;
  }
}

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

test('memory pressure asks the relievers of its level in their order, again after the cooldown, and not when it is over', async () => {
  const { clock, host, optimizer, levels } = setUp({ relieverCooldownMs: 5000 });
  const asked: string[] = [];
  const reliever = (
    name: string,
    order: number,
    levelsOf?: ('elevated' | 'high' | 'critical')[],
  ) => ({
    name,
    order,
    ...(levelsOf !== undefined && { levels: levelsOf }),
    relieve: ({ level }: Pressure) => {
      asked.push(`${name} at ${level}`);
      return { freedBytes: 1 };
    },
  });
  optimizer.registerReliever(reliever('last', 9));
  optimizer.registerReliever(reliever('first', -1));
  optimizer.registerReliever(reliever('only-critical', 0, ['critical']));
  host.afterCollect = { rssMb: 850, heapUsedMb: 50 };
  host.loopShare = 0.9;
  optimizer.start();
  host.rssMb = 850;
  await clock.advance(2500);
  expect(levels).toEqual(['memory high']);
  expect(asked).toEqual(['first at high', 'last at high']);
  await clock.advance(5000);
  expect(asked).toHaveLength(4);
  host.rssMb = 950;
  await clock.advance(6000);
  expect(levels.at(-1)).toBe('memory critical');
  expect(asked.slice(-3)).toEqual([
    'first at critical',
    'only-critical at critical',
    'last at critical',
  ]);
  host.rssMb = 300;
  await clock.advance(30_000);
  expect(levels.at(-1)).toBe('memory normal');
  const before = asked.length;
  await clock.advance(60_000);
  expect(asked).toHaveLength(before);
  await optimizer.stop();
});

test('a reliever that throws, hangs or frees nothing says so, and the others are asked all the same', async () => {
  const { optimizer, settled } = setUp({ relieverTimeoutMs: 1000 });
  const signals: boolean[] = [];
  optimizer.registerReliever({
    name: 'throws',
    relieve: () => {
      throw new Error('disk full');
    },
  });
  optimizer.registerReliever({
    name: 'hangs',
    relieve: ({ signal }) => {
      signal.addEventListener('abort', () => signals.push(signal.aborted));
      return deferred<undefined>().promise;
    },
  });
  optimizer.registerReliever({ name: 'empty', relieve: () => ({ freedBytes: 0 }) });
  optimizer.registerReliever({
    name: 'works',
    relieve: async () => ({ freedBytes: 7, detail: 'dropped 7 B' }),
  });
  const { actions } = await settled(optimizer.optimizeMemoryUsage());
  expect(actions.slice(0, 4).map(({ applied, reason }) => [applied, reason])).toEqual([
    [false, 'it failed: disk full'],
    [false, 'it did not finish within 1000 ms'],
    [false, 'it had nothing to free'],
    [true, 'dropped 7 B'],
  ]);
  expect(signals).toEqual([true]);
});

test('after a burst an idle process is trimmed once, with what it gave back measured', async () => {
  const { clock, host, optimizer } = setUp();
  const trims: { before: number; after: number; costMs: number; reason: string }[] = [];
  optimizer.on('action', (action) => trims.push(action));
  optimizer.start();
  await clock.advance(2000);
  host.rssMb = 400;
  host.heapUsedMb = 300;
  host.heapTotalMb = 320;
  host.loopShare = 0.9;
  await clock.advance(5000);
  expect(host.collections).toBe(0);
  host.settle();
  host.loopShare = 0.05;
  await clock.advance(4000);
  expect(host.collections).toBe(1);
  expect(trims).toHaveLength(1);
  expect(trims[0]).toMatchObject({
    name: 'trim',
    applied: true,
    before: 400 * MIB,
    after: 100 * MIB,
    costMs: 40,
  });
  expect(trims[0]?.reason).toMatch(/300 MiB went back/);
  await clock.advance(300_000);
  expect(host.collections).toBe(1);
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

test('optimizeMemoryUsage() evicts idle connections, but not of a pool that reconnects too often already', async () => {
  const { optimizer, settled } = setUp();
  const good = new FakePool();
  const bad = new FakePool();
  optimizer.attach(good, 'good');
  optimizer.attach(bad, 'bad');
  Object.assign(good, { idle: 12, acquires: 1000, created: 10 });
  Object.assign(bad, { idle: 12, acquires: 1000, created: 500 });
  optimizer.start();
  const { actions } = await settled(optimizer.optimizeMemoryUsage(), 3000);
  const evictions = actions.filter(({ name }) => name.startsWith('evict-idle'));
  expect(evictions).toMatchObject([
    { name: 'evict-idle:good', applied: true, before: 12, after: 2, unit: 'connections' },
    { name: 'evict-idle:bad', applied: false, before: 12, after: 12 },
  ]);
  await optimizer.stop();
});

test('a collection that cannot be had is a no-op with the reason', async () => {
  const { host, optimizer, settled } = setUp();
  host.heapUsedMb = 300;
  host.heapTotalMb = 400;
  host.afterCollect = undefined;
  const { actions } = await settled(optimizer.optimizeMemoryUsage());
  expect(actions.at(-1)).toMatchObject({
    name: 'trim',
    applied: false,
    reason: 'the collection failed: this build of Node has no inspector',
  });
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

test('a pool that reconnects too often gets a larger minimum, and its own back when the optimizer stops', async () => {
  const { clock, optimizer, actions } = setUp();
  const pool = new FakePool();
  optimizer.attach(pool, 'orders');
  optimizer.start();
  for (let second = 0; second < 61; second++) {
    pool.acquires += 10;
    pool.created += 1;
    pool.destroyed = { 'idle-timeout': pool.created };
    pool.leased = second % 10 === 0 ? 20 : 1;
    await clock.advance(1000);
  }
  expect(actions).toEqual(['+reuse:orders']);
  expect(pool.min).toBe(11);
  await optimizer.stop();
  expect(pool.min).toBe(2);
});

test('a minimum that the owner changed meanwhile is not touched on the way out', async () => {
  const { clock, optimizer, settled } = setUp();
  const pool = new FakePool();
  const detach = optimizer.attach(pool, 'orders');
  optimizer.start();
  Object.assign(pool, { acquires: 1000, created: 200, destroyed: { shrink: 200 }, leased: 30 });
  await clock.advance(1000);
  const { actions } = await settled(optimizer.optimizeNetworkEfficiency());
  expect(actions[0]).toMatchObject({ applied: true, before: 2, after: 16, unit: 'connections' });
  pool.min = 5;
  detach();
  expect(pool.min).toBe(5);
  await optimizer.stop();
});

test('a pool that cannot be resized yields advice, apart from the actions', async () => {
  const { clock, optimizer, settled } = setUp();
  const pool = new FakePool();
  optimizer.attach({ stats: () => pool.stats() }, 'plain');
  optimizer.start();
  Object.assign(pool, { acquires: 1000, created: 200, destroyed: { shrink: 200 }, leased: 30 });
  await clock.advance(1000);
  const { actions, advice } = await settled(optimizer.optimizeNetworkEfficiency());
  expect(actions).toMatchObject([
    { name: 'reuse:plain', applied: false, reason: 'the pool cannot be resized' },
  ]);
  expect(advice).toMatchObject([{ setting: 'minConnections=16 of plain' }]);
  await optimizer.stop();
});

test('a pool that throws costs the other pools nothing', async () => {
  const { clock, optimizer, settled } = setUp();
  const broken = new FakePool();
  const good = new FakePool();
  optimizer.attach(broken, 'broken');
  optimizer.attach(good, 'good');
  broken.stats = () => {
    throw new Error('closed');
  };
  optimizer.start();
  good.acquires = 10;
  await clock.advance(1500);
  expect(optimizer.getResourceMetrics().detail.network.acquires).toBe(10);
  const { actions } = await settled(optimizer.optimizeNetworkEfficiency());
  expect(actions).toMatchObject([
    { name: 'reuse:broken', applied: false, reason: 'the pool failed: closed' },
    { name: 'reuse:good', applied: false },
  ]);
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

test('critical memory refuses normal requests until it is over, never critical ones', async () => {
  const { clock, host, optimizer } = setUp({ act: false });
  optimizer.start();
  host.rssMb = 950;
  await clock.advance(2500);
  const refused = catching(() => optimizer.admit());
  expect(refused).toBeInstanceOf(OverloadedError);
  expect(refused).toMatchObject({
    reason: 'memory',
    value: 0.95,
    limit: 0.8,
    retryAfterMs: 5000,
    priority: 'normal',
  });
  expect((refused as Error).message).toBe(
    'Refused a normal-priority request: memory is at 95 % of its limit, wanted under 80 %; retry after 5000 ms',
  );
  expect(catching(() => optimizer.admit({ priority: 'critical' }))).toBeUndefined();
  host.rssMb = 300;
  await clock.advance(6000);
  expect(catching(() => optimizer.admit())).toBeUndefined();
  expect(optimizer.getAdmissionStats()).toMatchObject({ admitted: 2, refused: { memory: 1 } });
  await optimizer.stop();
});

test('a queue that stays too old is named in the refusal, and one event tells each turn', async () => {
  const { clock, optimizer } = setUp();
  let ageMs = 0;
  const turns: boolean[] = [];
  optimizer.on('shedding', ({ shedding }) => turns.push(shedding));
  optimizer.attachQueue({
    name: 'broken',
    oldestAgeMs: () => {
      throw new Error('gone');
    },
  });
  optimizer.attachQueue({ name: 'http', oldestAgeMs: () => ageMs });
  optimizer.start();
  optimizer.admit();
  ageMs = 140;
  await clock.advance(400);
  expect(catching(() => optimizer.admit())).toMatchObject({
    reason: 'queue-age',
    queue: 'http',
    value: 140,
    limit: 100,
  });
  ageMs = 20;
  expect(catching(() => optimizer.admit())).toBeUndefined();
  expect(catching(() => optimizer.admit({ priority: 'low' }))).toMatchObject({
    reason: 'queue-age',
    value: 140,
    limit: 50,
  });
  ageMs = 0;
  await clock.advance(5000);
  expect(turns).toEqual([true, false]);
  expect(catching(() => optimizer.admit({ priority: 'low' }))).toBeUndefined();
  await optimizer.stop();
});

test('a pool whose callers wait too long closes the door as well', async () => {
  const { clock, optimizer } = setUp();
  const pool = new FakePool();
  optimizer.attach(pool, 'orders');
  optimizer.start();
  optimizer.admit();
  pool.oldestWaitMs = 700;
  await clock.advance(500);
  expect(catching(() => optimizer.admit())).toMatchObject({
    reason: 'queue-age',
    queue: 'orders',
    value: 700,
  });
  await optimizer.stop();
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

function catching(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
