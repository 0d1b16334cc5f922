import { describe, expect, it } from 'vitest';
import { recoveryOf } from './_recovery_policy.ts';

/** One success each 10 ms: 100 a second. */
function every10ms(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / 10)) }, (_, i) => from + i * 10);
}

const times = { faultAt: 1000, possibleAt: 3000, endAt: 8000, steadyPerSecond: 100 };

describe('recoveryOf()', () => {
  it('counts from the moment service was possible', () => {
    const successes = [...every10ms(0, 1000), ...every10ms(3400, 8000)];
    const recovery = recoveryOf({ ...times, successes });
    expect(recovery.firstSuccessMs).toBe(400);
    expect(recovery.toSteadyMs).toBeGreaterThanOrEqual(850);
    expect(recovery.toSteadyMs).toBeLessThanOrEqual(900);
  });

  it('does not take a reply in flight for a recovery', () => {
    const successes = [...every10ms(0, 1000), 1020, ...every10ms(5000, 8000)];
    expect(recoveryOf({ ...times, successes }).firstSuccessMs).toBe(2000);
  });

  it('does not take a burst of queued requests for the steady rate', () => {
    const burst = Array.from({ length: 200 }, (_, i) => 3100 + i);
    const slow = Array.from({ length: 90 }, (_, i) => 3300 + i * 50);
    const recovery = recoveryOf({
      ...times,
      successes: [...every10ms(0, 1000), ...burst, ...slow],
    });
    expect(recovery.firstSuccessMs).toBe(100);
    expect(recovery.toSteadyMs).toBeNull();
  });

  it('knows a service that never came back', () => {
    expect(recoveryOf({ ...times, successes: every10ms(0, 1000) })).toEqual({
      firstSuccessMs: null,
      toSteadyMs: null,
    });
  });

  it('gives 0 to a pool that was quicker than the news of the restart', () => {
    const successes = [...every10ms(0, 1000), ...every10ms(2900, 8000)];
    expect(recoveryOf({ ...times, successes }).firstSuccessMs).toBe(0);
  });
});
