import { expect, test } from 'vitest';
import { seeded, simulate, vegas } from './_simulated_server.ts';

const SEED = 7;

/** Exponential service times of the given mean: noisy, as queries are. */
function exponential(meanMs: number): () => number {
  const random = seeded(SEED);
  return () => -meanMs * Math.log(1 - random());
}

test.each([1, 2, 4, 8, 32])(
  `150 callers on a server of %i cores get its whole throughput from little more than its cores (seed ${SEED})`,
  (cores) => {
    const limit = vegas(60);
    const serviceMs = exponential(4);
    const load = { limit, cores, callers: () => 150, serviceMs };
    simulate({ ...load, untilMs: 20_000 });
    const steady = simulate({ ...load, fromMs: 20_000, untilMs: 80_000 });
    const capacity = (60_000 / 4) * cores;
    expect(steady.completed / capacity).toBeGreaterThan(0.97);
    expect(steady.meanLimit).toBeLessThan(cores + 12);
  },
);

test('it comes down from a limit that was far too high', () => {
  const limit = vegas(200, 200);
  const load = { limit, cores: 2, callers: () => 150, serviceMs: exponential(4) };
  simulate({ ...load, untilMs: 60_000 });
  const { most } = simulate({ ...load, fromMs: 60_000, untilMs: 120_000 });
  expect(most).toBeLessThan(25);
});

test('a baseline learned under load does not creep up, however long the overload lasts', () => {
  const limit = vegas(200);
  const load = { limit, cores: 2, callers: () => 150, serviceMs: exponential(4) };
  simulate({ ...load, untilMs: 300_000 });
  const early = simulate({ ...load, fromMs: 300_000, untilMs: 360_000 });
  simulate({ ...load, fromMs: 360_000, untilMs: 1_500_000 });
  const late = simulate({ ...load, fromMs: 1_500_000, untilMs: 1_560_000 });
  expect(late.meanLimit).toBeLessThan(early.meanLimit * 1.5 + 2);
});

test('a server that slows down five times and recovers loses no throughput for good', () => {
  const limit = vegas(60);
  const draw = exponential(1);
  const slow = (nowMs: number) => nowMs >= 30_000 && nowMs < 60_000;
  const load = {
    limit,
    cores: 8,
    callers: () => 150,
    serviceMs: (nowMs: number) => draw() * (slow(nowMs) ? 20 : 4),
  };
  simulate({ ...load, untilMs: 30_000 });
  const during = simulate({ ...load, fromMs: 40_000, untilMs: 60_000 });
  simulate({ ...load, fromMs: 60_000, untilMs: 80_000 });
  const after = simulate({ ...load, fromMs: 80_000, untilMs: 110_000 });
  expect(during.completed / ((20_000 / 20) * 8)).toBeGreaterThan(0.85);
  expect(after.completed / ((30_000 / 4) * 8)).toBeGreaterThan(0.95);
});

test('it stays within its bounds whatever the samples are', () => {
  const random = seeded(SEED);
  const limit = vegas(20);
  for (let now = 0; now < 60_000; now += 5) {
    if (random() < 0.01) limit.dropped();
    limit.sample(random() < 0.1 ? random() * 5000 : random() * 3, Math.ceil(random() * 30), now);
    expect(limit.limit).toBeGreaterThanOrEqual(1);
    expect(limit.limit).toBeLessThanOrEqual(20);
  }
});

test('room that is not used does not grow', () => {
  const limit = vegas(100, 20);
  const { most } = simulate({
    limit,
    cores: 32,
    callers: () => 5,
    serviceMs: () => 2,
    untilMs: 60_000,
  });
  expect(most).toBe(20);
});

test('samples that are no durations are passed over', () => {
  const limit = vegas(100);
  for (let now = 0; now < 5000; now += 10) {
    limit.sample(Number.NaN, 8, now);
    limit.sample(-1, 8, now);
    limit.sample(Number.POSITIVE_INFINITY, 8, now);
  }
  expect(limit.limit).toBe(8);
  expect(limit.baseMs).toBeUndefined();
});

test('a lost operation lowers the limit at once, a lower end holds', () => {
  const limit = vegas(100, 50);
  limit.dropped();
  expect(limit.limit).toBe(45);
  for (let i = 0; i < 100; i++) limit.dropped();
  expect(limit.limit).toBe(1);
});

test('a lowered upper end takes effect at once, a raised one leaves room to grow', () => {
  const limit = vegas(100, 50);
  limit.setMaxLimit(10);
  expect(limit.limit).toBe(10);
  limit.setMaxLimit(100);
  expect(limit.limit).toBe(10);
  simulate({ limit, cores: 40, callers: () => 150, serviceMs: () => 4, untilMs: 30_000 });
  expect(limit.limit).toBeGreaterThan(15);
});
