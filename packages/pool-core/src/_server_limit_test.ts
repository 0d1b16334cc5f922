import { expect, it } from 'vitest';
import { afterRefusal, raised, type ServerLimit } from './_server_limit.ts';

it('a refusal caps the pool at what is open, and never below one', () => {
  expect(afterRefusal(undefined, 30, 100)).toEqual({ cap: 30, until: 1_100, holdMs: 1_000 });
  expect(afterRefusal(undefined, 0, 100).cap).toBe(1);
});

it('refusals of connects that were in flight together pause no longer than one', () => {
  const first = afterRefusal(undefined, 30, 100);
  expect(afterRefusal(first, 30, 101).holdMs).toBe(1_000);
});

it('each refusal of a later try doubles the pause, up to half a minute', () => {
  let limit = afterRefusal(undefined, 30, 0);
  const pauses: number[] = [];
  for (let i = 0; i < 8; i++) {
    pauses.push(limit.holdMs);
    limit = afterRefusal(limit, 30, limit.until);
  }
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

it('after the pause a few more are tried, until the pool may have its own maximum again', () => {
  let limit: ServerLimit | undefined = afterRefusal(undefined, 30, 0);
  expect(raised(limit, 50, 999)).toBe(limit);
  const caps: number[] = [];
  for (let now = 1_000; limit !== undefined; now += 1_000) {
    limit = raised(limit, 50, now);
    if (limit !== undefined) caps.push(limit.cap);
  }
  expect(caps).toEqual([36, 42, 49]);
});
