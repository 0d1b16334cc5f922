import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LoopDelay } from './loop_delay.ts';

function block(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

test('a stall that began before the reading fell due is seen by the reading after it', async () => {
  const delay = new LoopDelay();
  delay.start();
  await sleep(150);
  delay.nextInterval();
  await sleep(200);
  const read = new Promise<number>((resolve) => {
    setTimeout(() => setImmediate(() => resolve(delay.read().maxMs)), 300);
  });
  block(400);
  expect(await read).toBeGreaterThan(300);
  delay.stop();
});

test('a stall that was read is not counted again in the next interval', async () => {
  const delay = new LoopDelay();
  delay.start();
  await sleep(120);
  block(1500);
  await new Promise((resolve) => setImmediate(resolve));
  await sleep(60);
  expect(delay.read().maxMs).toBeGreaterThan(1300);
  delay.nextInterval();
  await sleep(200);
  expect(delay.read().maxMs).toBeLessThan(1000);
  delay.stop();
});

test('a stall that begins right after the interval did is not lost', async () => {
  const delay = new LoopDelay();
  delay.start();
  await sleep(120);
  delay.nextInterval();
  block(400);
  await sleep(200);
  const { p50Ms, p99Ms, maxMs } = delay.read();
  expect(maxMs).toBeGreaterThan(300);
  expect(p50Ms).toBeLessThanOrEqual(p99Ms);
  delay.stop();
});

test('before start() and after stop() there is nothing to read, twice is harmless', async () => {
  const delay = new LoopDelay();
  const nothing = { p50Ms: 0, p99Ms: 0, maxMs: 0 };
  expect(delay.read()).toEqual(nothing);
  delay.start();
  delay.start();
  await sleep(120);
  delay.stop();
  delay.stop();
  block(100);
  expect(delay.read()).toEqual(nothing);
});
