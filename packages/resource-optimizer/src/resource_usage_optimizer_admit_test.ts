import { expect, test } from 'vitest';
import { catching, FakePool, setUp } from './_optimizer_fixture.ts';
import { OverloadedError } from './errors.ts';

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
