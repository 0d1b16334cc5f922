import { deferred } from '@fynlo/testing/deferred';
import { expect, test } from 'vitest';
import { MIB, setUp } from './_optimizer_fixture.ts';
import type { Pressure } from './relievers.ts';

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
