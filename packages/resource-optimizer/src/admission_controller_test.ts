import { expect, test } from 'vitest';
import { seeded } from './_simulated_server.ts';
import { AdmissionController } from './admission_controller.ts';
import type { Clock } from './clock.ts';
import { OverloadedError } from './errors.ts';

const TASK_MS = 2;
const IN_TIME_MS = 500;
const SEED = 17;

/** Time that passes when the simulation says so, without a single promise. */
class SimulatedClock implements Clock {
  nowMs = 0;
  #timers: { at: number; fn: () => void }[] = [];
  now(): number {
    return this.nowMs;
  }
  wallNow(): number {
    return this.nowMs;
  }
  setTimeout(fn: () => void, ms: number) {
    const timer = { at: this.nowMs + ms, fn };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }
  to(ms: number): void {
    this.nowMs = ms;
    const due = this.#timers.filter(({ at }) => at <= ms);
    this.#timers = this.#timers.filter(({ at }) => at > ms);
    for (const { fn } of due) fn();
  }
}

/** One server, first come first served, at `load` times its capacity for ten seconds. */
function overload(load: number, withDoor: boolean) {
  const clock = new SimulatedClock();
  const turns: boolean[] = [];
  const loop = { loopActiveMs: 0, loopIdleMs: 0 };
  const door = new AdmissionController(
    clock,
    {
      queueAgeMs: 100,
      utilization: 0.95,
      afterMs: 50,
      releaseMs: 1000,
      memoryTarget: 0.8,
      cpuTarget: 0.7,
      pressureRetryMs: 5000,
    },
    () => loop,
    () => ({ memory: 'normal', cpu: 'normal', memoryValue: 0, cpuValue: 0 }),
    ({ shedding }) => turns.push(shedding),
  );
  const queue: number[] = [];
  door.watch({
    name: 'tasks',
    oldestAgeMs: () => (queue[0] === undefined ? 0 : clock.nowMs - queue[0]),
  });
  door.start();
  const random = seeded(SEED);
  const untilMs = 10_000;
  let inTime = 0;
  let late = 0;
  let busyMs = 0;
  let nextMs = 0;
  while (clock.nowMs < untilMs) {
    while (nextMs <= clock.nowMs) {
      try {
        if (withDoor) door.admit('normal');
        queue.push(nextMs);
      } catch (error) {
        if (!(error instanceof OverloadedError)) throw error;
      }
      nextMs += (-Math.log(1 - random()) * TASK_MS) / load;
    }
    const arrivedMs = queue.shift();
    if (arrivedMs === undefined) {
      clock.to(Math.max(nextMs, clock.nowMs + 0.01));
      continue;
    }
    loop.loopActiveMs += TASK_MS;
    busyMs += TASK_MS;
    clock.to(clock.nowMs + TASK_MS);
    if (clock.nowMs - arrivedMs <= IN_TIME_MS) inTime++;
    else late++;
  }
  door.stop();
  return { inTime, late, goodput: inTime / (untilMs / TASK_MS), busy: busyMs / untilMs, turns };
}

// What is missing came in before the first was too old: the larger the load, the more of it.
test.each([
  [1.5, 0.98],
  [3, 0.97],
  [6, 0.93],
  [10, 0.88],
])(
  `at %d times the capacity at least %d of that capacity is done in time (seed ${SEED})`,
  (load, least) => {
    const door = overload(load, true);
    expect(door.goodput).toBeGreaterThan(least);
    expect(door.busy).toBeGreaterThan(0.97);
    // Shut once, opened when it was stopped: no flapping.
    expect(door.turns).toEqual([true, false]);
    expect(overload(load, false).goodput).toBeLessThan(0.35);
  },
);

test.each([0.3, 0.7, 0.9])('at %d of the capacity nobody is refused', (load) => {
  const { late, turns, busy } = overload(load, true);
  expect({ late, turns }).toEqual({ late: 0, turns: [] });
  expect(busy).toBeGreaterThan(load * 0.9);
});
