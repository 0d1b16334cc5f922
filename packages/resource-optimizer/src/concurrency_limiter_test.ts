import { deferred } from '@fynlo/testing/deferred';
import { FakeClock } from '@fynlo/testing/fake-clock';
import { expect, test } from 'vitest';
import { seeded } from './_simulated_server.ts';
import { ConcurrencyLimiter } from './concurrency_limiter.ts';
import { OverloadedError } from './errors.ts';

const fixed = (limit: number) => ({ minLimit: limit, maxLimit: limit, initialLimit: limit });

test('run() returns what the function returns, and rejects with what it throws', async () => {
  const limiter = new ConcurrencyLimiter();
  expect(await limiter.run(() => 7)).toBe(7);
  expect(await limiter.run(async () => 'seven')).toBe('seven');
  await expect(
    limiter.run(() => {
      throw new RangeError('no');
    }),
  ).rejects.toThrow(RangeError);
  expect(limiter.stats()).toMatchObject({ inFlight: 0, started: 3, completed: 2, failed: 1 });
});

test('never more are under way than the limit, and all get their turn in order', async () => {
  const limiter = new ConcurrencyLimiter(fixed(3));
  const order: number[] = [];
  const gates = Array.from({ length: 10 }, () => deferred());
  let most = 0;
  const runs = gates.map((gate, i) =>
    limiter.run(async () => {
      order.push(i);
      most = Math.max(most, limiter.inFlight);
      await gate.promise;
    }),
  );
  expect(limiter).toMatchObject({ inFlight: 3, waiting: 7 });
  for (const gate of gates) gate.resolve();
  await Promise.all(runs);
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(most).toBe(3);
  expect(limiter).toMatchObject({ inFlight: 0, waiting: 0 });
});

test('a place that comes free goes to the first waiter, not to one who comes in the same tick', async () => {
  const limiter = new ConcurrencyLimiter(fixed(1));
  const gate = deferred();
  const order: string[] = [];
  const first = limiter.run(() => gate.promise);
  const waiter = limiter.run(() => void order.push('waiter'));
  gate.resolve();
  await first;
  const late = limiter.run(() => void order.push('late'));
  await Promise.all([waiter, late]);
  expect(order).toEqual(['waiter', 'late']);
});

test('an aborted waiter leaves the queue at once and takes nobody’s place', async () => {
  const limiter = new ConcurrencyLimiter(fixed(1));
  const gate = deferred();
  const abort = new AbortController();
  const running = limiter.run(() => gate.promise);
  const aborted = limiter.run(() => 'never', { signal: abort.signal });
  const after = limiter.run(() => 'after');
  abort.abort(new Error('gone'));
  await expect(aborted).rejects.toThrow('gone');
  expect(limiter.waiting).toBe(1);
  gate.resolve();
  await running;
  expect(await after).toBe('after');
  expect(limiter.stats().started).toBe(2);
});

test('an aborted signal is refused before anything runs', async () => {
  const limiter = new ConcurrencyLimiter();
  const signal = AbortSignal.abort(new Error('gone'));
  await expect(limiter.run(() => 1, { signal })).rejects.toThrow('gone');
  expect(limiter.stats().started).toBe(0);
});

test('a full queue refuses with how many wait, and counts it', async () => {
  const limiter = new ConcurrencyLimiter({ ...fixed(1), maxWaiting: 2 });
  const gate = deferred();
  const runs = [1, 2, 3].map(() => limiter.run(() => gate.promise));
  const error = await limiter.run(() => 1).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(OverloadedError);
  expect(error).toMatchObject({
    code: 'ERR_RESOURCE_OVERLOADED',
    reason: 'queue-full',
    value: 2,
    limit: 2,
  });
  gate.resolve();
  await Promise.all(runs);
  expect(limiter.stats().refused).toBe(1);
});

test('oldestWaitMs() is the age of the first in the queue', async () => {
  const clock = new FakeClock();
  const limiter = new ConcurrencyLimiter({ ...fixed(1), clock });
  const gate = deferred();
  const running = limiter.run(() => gate.promise);
  expect(limiter.oldestWaitMs()).toBe(0);
  const waiting = limiter.run(() => undefined);
  await clock.advance(250);
  expect(limiter.oldestWaitMs()).toBe(250);
  gate.resolve();
  await Promise.all([running, waiting]);
  expect(limiter.oldestWaitMs()).toBe(0);
});

test('errors that mean overload lower the limit, others do not', async () => {
  const limiter = new ConcurrencyLimiter({
    initialLimit: 20,
    isOverload: (error) => error instanceof Error && error.message === 'too many connections',
  });
  const fail = (message: string) =>
    limiter.run(() => Promise.reject(new Error(message))).catch(() => undefined);
  await fail('syntax error');
  expect(limiter.limit).toBe(20);
  await fail('too many connections');
  expect(limiter.limit).toBe(18);
});

test('a raised upper end lets waiters in once the limit grows; a lowered one lets those under way finish', async () => {
  const limiter = new ConcurrencyLimiter({ initialLimit: 4 });
  const gate = deferred();
  const runs = Array.from({ length: 6 }, () => limiter.run(() => gate.promise));
  limiter.setMaxLimit(1);
  expect(limiter.stats()).toMatchObject({ limit: 1, inFlight: 4, waiting: 2 });
  gate.resolve();
  await Promise.all(runs);
  expect(limiter.stats()).toMatchObject({ inFlight: 0, completed: 6 });
});

test('in virtual time it settles near what a server of 4 cores can use (seed 11)', async () => {
  const clock = new FakeClock();
  const limiter = new ConcurrencyLimiter({ maxLimit: 60, clock });
  const random = seeded(11);
  const cores = Array.from({ length: 4 }, () => 0);
  let done = 0;
  const query = () =>
    new Promise<void>((resolve) => {
      const core = cores.indexOf(Math.min(...cores));
      const end = Math.max(clock.now(), cores[core] ?? 0) + 15 + random() * 10;
      cores[core] = end;
      clock.setTimeout(resolve, end - clock.now());
    });
  let running = true;
  const callers = Array.from({ length: 80 }, async () => {
    while (running) {
      await limiter.run(query);
      done++;
    }
  });
  await clock.advance(15_000);
  const doneBefore = done;
  await clock.advance(10_000);
  const rate = (done - doneBefore) / 10_000;
  expect(rate).toBeGreaterThan((0.95 * 4) / 20);
  expect(limiter.limit).toBeLessThan(20);
  running = false;
  await clock.advance(10_000);
  await Promise.all(callers);
  expect(limiter.stats()).toMatchObject({ inFlight: 0, waiting: 0 });
});

test('100 000 waiters of whom 90 % abort leave in order, in time linear in their number', async () => {
  const limiter = new ConcurrencyLimiter(fixed(1));
  const gate = deferred();
  const running = limiter.run(() => gate.promise);
  const random = seeded(3);
  let served = 0;
  const waits: Promise<void>[] = [];
  const aborts: AbortController[] = [];
  for (let i = 0; i < 100_000; i++) {
    const abort = new AbortController();
    const wait = limiter.run(() => void served++, { signal: abort.signal });
    waits.push(wait.catch(() => undefined));
    if (random() < 0.9) aborts.push(abort);
  }
  const startedMs = performance.now();
  for (const abort of aborts) abort.abort();
  // A scan per abort would be 9e9 steps: minutes.
  expect(performance.now() - startedMs).toBeLessThan(15_000);
  gate.resolve();
  await running;
  await Promise.all(waits);
  expect(served).toBe(100_000 - aborts.length);
  expect(limiter.waiting).toBe(0);
});
