import { expect, it } from 'vitest';
import { Meter } from './_meter.ts';

it.each([
  [0.125, 20],
  [0.5, 50],
])('a meter gives the newest sample a weight of %d in its running means', (weight, mean) => {
  const meter = new Meter(weight);
  for (const ms of [10, 90]) {
    meter.connected(ms);
    meter.returned(0, ms);
  }
  expect(meter.connectMs).toBe(mean);
  expect(meter.holdMs).toBe(mean);
});
