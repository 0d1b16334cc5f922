import { expect, test } from 'vitest';
import { SimulatedClock } from './_simulated_clock.ts';
import { seeded } from './_simulated_server.ts';
import { AdmissionController } from './admission_controller.ts';
import { OverloadedError } from './errors.ts';

const TASK_MS = 2;
const IN_TIME_MS = 500;
const SEED = 17;

const CONFIG = {
  queueAgeMs: 100,
  utilization: 0.95,
  afterMs: 50,
  releaseMs: 1000,
  memoryTarget: 0.8,
  cpuTarget: 0.7,
  pressureRetryMs: 5000,
};

/** One server, first come first served, at `load` times its capacity for ten seconds. */
function overload(load: number, withDoor: boolean) {
  const clock = new SimulatedClock();
  const turns: boolean[] = [];
  const door = new AdmissionController(
    clock,
    CONFIG,
    // All of it is one turn of the real loop, so the loop's own queue is left out.
    () => ({ loopActiveMs: 0, loopIdleMs: 0 }),
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

/** Sockets instead of a queue of our own: what has arrived is handled within one turn of the event loop. */
async function turnOf(requests: number, busy: boolean) {
  const clock = new SimulatedClock();
  const loop = { loopActiveMs: 0, loopIdleMs: 0 };
  const door = new AdmissionController(
    clock,
    CONFIG,
    () => ({ ...loop }),
    () => ({ memory: 'normal', cpu: 'normal', memoryValue: 0, cpuValue: 0 }),
    () => undefined,
  );
  door.start();
  clock.to(500);
  loop.loopActiveMs = busy ? 500 : 50;
  loop.loopIdleMs = busy ? 0 : 450;
  const refused: string[] = [];
  for (let i = 0; i < requests; i++) {
    try {
      door.admit('normal');
      loop.loopActiveMs += busy ? TASK_MS : 0;
      loop.loopIdleMs += busy ? 0 : TASK_MS;
      clock.to(clock.nowMs + TASK_MS);
    } catch (error) {
      if (!(error instanceof OverloadedError)) throw error;
      refused.push(error.queue ?? '');
    }
  }
  await new Promise((resolve) => setImmediate(resolve));
  door.stop();
  return refused;
}

test('requests that pile up at the sockets of a saturated loop are refused, the loop itself being the queue', async () => {
  const refused = await turnOf(300, true);
  expect(refused.length).toBeGreaterThan(150);
  expect(new Set(refused)).toEqual(new Set(['event loop']));
});

test('a long turn of a loop that is not saturated refuses nobody', async () => {
  expect(await turnOf(300, false)).toEqual([]);
});
