import { expect, test } from 'vitest';
import { TenantShares } from './_tenant_shares.ts';

/** `perWindow` requests of each tenant for so many windows, `capacity` of them let in per window, by turns. */
function run(perWindow: Readonly<Record<string, number>>, capacity: number, windows = 4) {
  const shares = new TenantShares();
  let nowMs = 0;
  let admitted: Record<string, number> = {};
  for (let window = 0; window < windows; window++) {
    admitted = {};
    let room = capacity;
    const total = Object.values(perWindow).reduce((sum, n) => sum + n, 0);
    for (let i = 0; i < total; i++) {
      nowMs += 500 / total;
      // Evenly mixed.
      for (const [tenant, n] of Object.entries(perWindow)) {
        if (Math.floor(((i + 1) * n) / total) === Math.floor((i * n) / total)) continue;
        const share = shares.asked(tenant, nowMs);
        if (room <= 0 || (share !== 'common' && !shares.turn(tenant, share))) continue;
        room--;
        shares.admitted();
        admitted[tenant] = (admitted[tenant] ?? 0) + 1;
      }
    }
  }
  return admitted;
}

test('a noisy tenant gets what the quiet ones leave, and they get all they ask for', () => {
  const admitted = run({ noisy: 400, a: 10, b: 10, c: 10 }, 100);
  expect(admitted).toMatchObject({ a: 10, b: 10, c: 10 });
  expect(admitted['noisy']).toBeGreaterThan(55);
  expect(admitted['noisy']).toBeLessThan(75);
});

test('two noisy tenants get as much as each other', () => {
  const { a = 0, b = 0 } = run({ a: 400, b: 200, quiet: 5 }, 100);
  expect(Math.abs(a - b)).toBeLessThan(12);
});

test('a tenant that becomes noisy is noticed within the window', () => {
  const shares = new TenantShares();
  let nowMs = 0;
  for (; nowMs < 1_000; nowMs += 10) {
    for (const tenant of ['a', 'b', 'c', 'd']) shares.asked(tenant, nowMs);
  }
  let first = 0;
  while (shares.asked('a', nowMs) === 1) first++;
  expect(first).toBeLessThan(50);
});

test('a single tenant is as everybody: what is shed does not depend on names', () => {
  const shares = new TenantShares();
  for (let nowMs = 0; nowMs < 2_000; nowMs++) {
    expect(shares.asked('only', nowMs)).toBe('common');
    shares.admitted();
  }
});

test('a window in which nobody noisy was let in does not cut the quiet', () => {
  const shares = new TenantShares();
  const window = (fromMs: number, noisyAdmitted: number): (number | 'common')[] => {
    const seen: (number | 'common')[] = [];
    for (let i = 0; i < 200; i++) {
      const nowMs = fromMs + i * 2.5;
      shares.asked('noisy', nowMs);
      if (i < noisyAdmitted) shares.admitted();
      if (i % 50 !== 0) continue;
      for (const tenant of ['a', 'b', 'c']) {
        seen.push(shares.asked(tenant, nowMs));
        shares.admitted();
      }
    }
    return seen;
  };
  window(0, 80);
  window(500, 0);
  expect(window(1_000, 80)).toEqual(Array(12).fill(1));
  expect(window(1_500, 80)).toEqual(Array(12).fill(1));
});

test('tenants that have gone are forgotten: a million names cost no memory', () => {
  const shares = new TenantShares();
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 1_000_000; i++) shares.asked(`tenant ${i}`, i);
  globalThis.gc?.();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(5 * 2 ** 20);
});
