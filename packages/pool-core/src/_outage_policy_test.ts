import { describe, expect, it } from 'vitest';
import {
  afterFailure,
  afterSuccess,
  afterTime,
  connectsAllowed,
  nextAttemptAt,
  type Outage,
} from './_outage_policy.ts';
import { DEFAULT_TUNING as tuning } from './tuning_options.ts';

const ready: Outage = { state: 'ready' };
const fail = (outage: Outage, now: number, random = 0.5, startedAt = now - 1): Outage =>
  afterFailure(outage, { kind: 'retryable', startedAt, now, random }, tuning);

describe('an outage', () => {
  it('is suspected after one failed connect, and one at a time may try, after less than 50 ms', () => {
    const suspect = fail(ready, 100, 0.5);
    expect(suspect).toEqual({ state: 'suspect', since: 100, notBefore: 125 });
    expect(connectsAllowed(suspect, 124, 4)).toBe(0);
    expect(connectsAllowed(suspect, 125, 4)).toBe(1);
    expect(nextAttemptAt(suspect)).toBe(125);
  });

  it('is not declared by the connects that were in flight when the first of them failed', () => {
    const suspect = fail(ready, 100);
    expect(fail(suspect, 101, 0.5, 90)).toBe(suspect);
    const down = fail(suspect, 150);
    expect(down).toMatchObject({ state: 'down', since: 100, failures: 1 });
    expect(fail(down, 151, 0.5, 149)).toBe(down);
  });

  it('backs off 50, 100, 200, 250 ms, longer only as it grows old, and never more than a second', () => {
    let outage = fail(fail(ready, 0), 1, 1);
    let now = 1;
    const waits: number[] = [];
    for (let i = 0; i < 60; i++) {
      const at = nextAttemptAt(outage);
      waits.push(Math.round(at - now));
      now = at;
      outage = fail(outage, now + 1, 1, now);
      now++;
    }
    expect(waits.slice(0, 4)).toEqual([100, 200, 250, 250]);
    expect(Math.max(...waits)).toBe(1_000);
    expect([...waits].sort((a, b) => a - b)).toEqual(waits);
  });

  it('costs some fifteen sockets in its first two seconds, and ends at most 250 ms late', () => {
    for (const random of [0, 0.25, 0.5, 0.75, 1]) {
      let outage = fail(ready, 0, random);
      let attempts = 1;
      let now = 0;
      let longest = 0;
      while (now < 2_000) {
        const at = Math.max(nextAttemptAt(outage), now + 1);
        longest = Math.max(longest, at - now);
        now = at;
        outage = fail(outage, now, random, now);
        attempts++;
      }
      expect(longest).toBeLessThanOrEqual(250);
      expect(attempts).toBeLessThanOrEqual(42);
      if (random === 0.5) expect(attempts).toBeLessThanOrEqual(18);
    }
  });

  it('ends with a slow start: 2, 3, 4 at once, then as many as may', () => {
    let outage = afterSuccess(fail(fail(ready, 0), 10), 20, 4);
    expect(outage).toEqual({ state: 'recovering', since: 20, allowed: 2 });
    expect(connectsAllowed(outage, 20, 4)).toBe(2);
    outage = afterSuccess(outage, 21, 4);
    expect(connectsAllowed(outage, 21, 4)).toBe(3);
    expect(afterSuccess(outage, 22, 4)).toEqual(ready);
  });

  it('lets twice as many connect in each round of the slow start: 1, 2, 4, 8, 16', () => {
    let outage = fail(fail(ready, 0), 10, 0);
    const rounds: number[] = [];
    for (let now = 1_000; now < 1_005; now++) {
      const allowed = connectsAllowed(outage, now, 100);
      rounds.push(allowed);
      for (let i = 0; i < allowed; i++) outage = afterSuccess(outage, now, 100);
    }
    expect(rounds).toEqual([1, 2, 4, 8, 16]);
  });

  it('ends by itself when nothing more had to be opened', () => {
    const recovering: Outage = { state: 'recovering', since: 20, allowed: 2 };
    expect(afterTime(recovering, 2_019, tuning)).toBe(recovering);
    expect(afterTime(recovering, 2_020, tuning)).toEqual(ready);
    expect(afterTime(ready, 5_000, tuning)).toBe(ready);
  });

  it('is back when a connect of the slow start fails', () => {
    const recovering: Outage = { state: 'recovering', since: 20, allowed: 2 };
    expect(fail(recovering, 30)).toMatchObject({ state: 'down', since: 30 });
    expect(fail(recovering, 30, 0.5, 10)).toBe(recovering);
  });

  it('is over at once when only suspected', () => {
    expect(afterSuccess(fail(ready, 0), 5, 4)).toEqual(ready);
  });

  it('that trying again does not mend is tried once a second', () => {
    const fatal = afterFailure(
      ready,
      { kind: 'fatal', startedAt: 0, now: 10, random: 0.5 },
      tuning,
    );
    expect(fatal).toMatchObject({ state: 'down', fatal: true, since: 10, notBefore: 1_010 });
    expect(connectsAllowed(fatal, 1_009, 4)).toBe(0);
    expect(connectsAllowed(fatal, 1_010, 4)).toBe(1);
    expect(fail(fatal, 1_020)).toMatchObject({ fatal: false, failures: 1, since: 10 });
  });
});
