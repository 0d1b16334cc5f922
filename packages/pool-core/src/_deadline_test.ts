import { describe, expect, it } from 'vitest';
import { deadline, SoonestTimer, serverDeadline } from './_deadline.ts';
import type { Clock } from './clock.ts';

/** Time that the test moves by hand; what is due fires only when the loop turns, as late as the test likes. */
function loop() {
  let now = 0;
  let timers: { at: number; fn: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    wallNow: () => now,
    setTimeout(fn, ms) {
      const timer = { at: now + ms, fn };
      timers.push(timer);
      return {
        cancel: () => {
          timers = timers.filter((other) => other !== timer);
        },
      };
    },
  };
  return {
    clock,
    /** The loop is blocked for `ms`, then runs the timers that are due, once. */
    turn(ms: number) {
      now += ms;
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const { fn } of due) fn();
    },
    pending: () => timers.length,
  };
}

describe('deadline()', () => {
  it('fires when its time has come', () => {
    const { clock, turn } = loop();
    let fired = 0;
    deadline(clock, 100, () => fired++);
    turn(99);
    expect(fired).toBe(0);
    turn(1);
    expect(fired).toBe(1);
  });

  it('F52: gives one more turn when the loop was blocked, for the answer that lies unread in a socket', () => {
    const { clock, turn } = loop();
    let fired = 0;
    deadline(clock, 100, () => fired++);
    turn(2_000);
    expect(fired).toBe(0);
    turn(1);
    expect(fired).toBe(1);
  });

  it('can be cancelled in that turn as well', () => {
    const { clock, turn, pending } = loop();
    let fired = 0;
    const timer = deadline(clock, 100, () => fired++);
    turn(2_000);
    timer.cancel();
    turn(10);
    expect(fired).toBe(0);
    expect(pending()).toBe(0);
  });
});

describe('serverDeadline()', () => {
  it('fires when its time has come', () => {
    const { clock, turn } = loop();
    let fired = 0;
    serverDeadline(clock, 100, () => fired++);
    for (let i = 0; i < 99; i++) turn(1);
    expect(fired).toBe(0);
    turn(1);
    expect(fired).toBe(1);
  });

  it('F52: does not charge the server for time in which the loop was blocked', () => {
    const { clock, turn } = loop();
    let fired = 0;
    serverDeadline(clock, 800, () => fired++);
    turn(700);
    // Of the first eighth; 600 ms were the process's own.
    for (let i = 0; i < 6; i++) turn(100);
    expect(fired).toBe(0);
    turn(100);
    expect(fired).toBe(1);
  });

  it('F52: is over after so many parts, however long each took', () => {
    const { clock, turn, pending } = loop();
    let fired = 0;
    serverDeadline(clock, 800, () => fired++);
    for (let i = 0; i < 8; i++) turn(36_000_000);
    expect(fired).toBe(0);
    turn(1);
    expect([fired, pending()]).toEqual([1, 0]);
  });

  it('can be cancelled in that time as well', () => {
    const { clock, turn, pending } = loop();
    let fired = 0;
    const timer = serverDeadline(clock, 100, () => fired++);
    turn(2_000);
    timer.cancel();
    turn(200);
    expect(fired).toBe(0);
    expect(pending()).toBe(0);
  });
});

describe('SoonestTimer', () => {
  it('fires at the soonest time asked for, once, and says how late it was', () => {
    const { clock, turn, pending } = loop();
    const late: number[] = [];
    const timer = new SoonestTimer(clock, (ms) => late.push(ms));
    timer.arm(500, 0);
    timer.arm(100, 0);
    timer.arm(300, 0);
    expect(pending()).toBe(1);
    turn(110);
    expect(late).toEqual([10]);
    expect(timer.armed).toBe(false);
    turn(1_000);
    expect(late).toHaveLength(1);
  });
});
