import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LoopStalls } from './loop_stalls.ts';

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test('LoopStalls.lostSince() is the time in which the loop was blocked, seen in the same turn and later, and no more of it than falls after', async () => {
  const stalls = new LoopStalls();
  await sleep(30);
  const before = performance.now();
  block(200);
  const at = performance.now();
  // A look is due every 5 ms: so much of a stall is not one.
  expect(stalls.lostSince(before)).toBeGreaterThan(190);
  expect(stalls.lostSince(before)).toBeLessThanOrEqual(performance.now() - before);
  expect(stalls.lostSince(before + 150)).toBeLessThanOrEqual(performance.now() - before - 150);
  await sleep(30);
  expect(stalls.lostSince(before)).toBeGreaterThan(190);
  expect(stalls.lostSince(at)).toBeLessThanOrEqual(performance.now() - at);
  stalls.stop();
});

test('LoopStalls.lostSince() is little of a time in which the loop only waited', async () => {
  const stalls = new LoopStalls();
  // A machine that is busy with other tests stops this process as well: the quietest of some waits counts.
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20 && least > 70; i++) {
    const from = performance.now();
    await sleep(100);
    least = Math.min(least, stalls.lostSince(from));
  }
  stalls.stop();
  expect(least).toBeLessThanOrEqual(70);
});
