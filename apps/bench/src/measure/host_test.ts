import { expect, test } from 'vitest';
import { cpuShares, cpuTicks, stolenTime, waitForQuiet } from './host.ts';

test('cpuTicks() of this machine grow, and a busy loop shows in the share', () => {
  const from = cpuTicks();
  const until = performance.now() + 150;
  while (performance.now() < until);
  const to = cpuTicks();
  expect(to.total).toBeGreaterThan(from.total);
  expect(cpuShares(from, to).busy).toBeGreaterThan(0);
});

test('stolenTime() speaks up above 5 %', () => {
  const zero = { busy: 0, stolen: 0, total: 0 };
  expect(stolenTime(zero, { busy: 10, stolen: 6, total: 100 })).toBe('6 % of the CPU was stolen');
  expect(stolenTime(zero, { busy: 90, stolen: 5, total: 100 })).toBeUndefined();
});

test('waitForQuiet() ends at once when aborted', async () => {
  const controller = new AbortController();
  controller.abort(new Error('stop'));
  await expect(waitForQuiet(60_000, controller.signal)).rejects.toThrow('stop');
});
