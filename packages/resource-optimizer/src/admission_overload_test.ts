import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { seeded } from './_simulated_server.ts';
import type { Clock } from './clock.ts';
import { OverloadedError } from './errors.ts';
import type { HostProbe } from './host_probe.ts';
import { systemHostProbe } from './host_probe.ts';
import { ResourceUsageOptimizer } from './resource_usage_optimizer.ts';

const TASK_MS = 2;
const IN_TIME_MS = 500;
const SEED = 5;

/**
 * This process's CPU time as a clock: what is served here is real work on a real loop, but what other processes take
 * of the cores does not count as time. It stands still while the process sleeps, so nobody here sleeps.
 */
class CpuClock implements Clock {
  #timers: { at: number; fn: () => void }[] = [];
  now(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e3;
  }
  wallNow(): number {
    return Date.now();
  }
  setTimeout(fn: () => void, ms: number) {
    const timer = { at: this.now() + ms, fn };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }
  fireDue(): void {
    const now = this.now();
    const due = this.#timers.filter(({ at }) => at <= now);
    if (due.length === 0) return;
    this.#timers = this.#timers.filter(({ at }) => at > now);
    for (const { fn } of due) fn();
  }
}

interface Phase {
  /** Arrivals per task that can be done. */
  readonly load: number;
  readonly ms: number;
  /** The loop stands still for this long at the beginning, while requests go on arriving. */
  readonly stallMs?: number;
}

/** A server on this thread, the optimizer before it, and an open loop of arrivals. */
class Server {
  readonly clock = new CpuClock();
  readonly optimizer: ResourceUsageOptimizer;
  readonly turns: boolean[] = [];
  readonly pressures: string[] = [];
  readonly #random = seeded(SEED);
  readonly #queue: number[] = [];
  #busyMs = 0;
  readonly #beganMs = this.clock.now();

  constructor() {
    this.optimizer = new ResourceUsageOptimizer({
      act: false,
      clock: this.clock,
      host: this.#host(),
    });
    this.optimizer.attachQueue({
      name: 'tasks',
      oldestAgeMs: () => (this.#queue[0] === undefined ? 0 : this.clock.now() - this.#queue[0]),
    });
    this.optimizer.on('shedding', ({ shedding }) => this.turns.push(shedding));
    this.optimizer.on('pressure', ({ resource, to }) => this.pressures.push(`${resource} ${to}`));
  }

  async serve({ load, ms, stallMs }: Phase, withDoor = true) {
    const result = { inTime: 0, late: 0, refused: 0, reasons: new Set<string>() };
    const beganMs = this.clock.now();
    let nextMs = beganMs;
    if (stallMs !== undefined) this.#burn(stallMs);
    while (this.clock.now() - beganMs < ms) {
      while (nextMs <= this.clock.now()) {
        try {
          if (withDoor) this.optimizer.admit();
          this.#queue.push(nextMs);
        } catch (error) {
          if (!(error instanceof OverloadedError)) throw error;
          result.reasons.add(error.reason);
          result.refused++;
        }
        nextMs += (-Math.log(1 - this.#random()) * TASK_MS) / load;
      }
      const arrivedMs = this.#queue.shift();
      if (arrivedMs !== undefined) {
        this.#burn(TASK_MS);
        if (this.clock.now() - arrivedMs <= IN_TIME_MS) result.inTime++;
        else result.late++;
      }
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.fireDue();
    }
    this.#queue.length = 0;
    return result;
  }

  #burn(ms: number): void {
    const untilMs = this.clock.now() + ms;
    while (this.clock.now() < untilMs);
    this.#busyMs += ms;
  }

  /** The real process, but waiting for work counts as idle: here it takes CPU, because the clock must go on. */
  #host(): HostProbe {
    const real = systemHostProbe();
    const loop = () => ({
      loopActiveMs: this.#busyMs,
      loopIdleMs: this.clock.now() - this.#beganMs - this.#busyMs,
    });
    return {
      start: () => real.start(),
      read: () => ({ ...real.read(), ...loop(), cpuMs: this.#busyMs }),
      loop,
      nextInterval: () => real.nextInterval(),
      limits: () => ({ ...real.limits(), cpu: { cores: 2, source: 'machine' } }),
      rssBytes: () => real.rssBytes(),
      collect: () => real.collect(),
      inspected: () => real.inspected(),
      stop: () => real.stop(),
    };
  }
}

test('at three times the capacity nearly all that is done is in time; without the door nearly nothing is', async () => {
  const shedding = new Server();
  shedding.optimizer.start();
  const shed = await shedding.serve({ load: 3, ms: 2500 });
  await shedding.optimizer.stop();
  const none = await new Server().serve({ load: 3, ms: 2500 }, false);
  const share = ({ inTime, late }: typeof shed) => inTime / (inTime + late);
  expect(share(shed)).toBeGreaterThan(0.85);
  expect(share(none)).toBeLessThan(0.5);
  // The server was not starved for it.
  expect(shed.inTime + shed.late).toBeGreaterThan(0.8 * (none.inTime + none.late));
  expect(shed.refused).toBeGreaterThan(shed.inTime);
}, 120_000);

test('L12: a saturated process sheds with a clear error, and opens again when the load falls, without flapping', async () => {
  const server = new Server();
  server.optimizer.start();
  const calm = await server.serve({ load: 0.3, ms: 1000 });
  const over = await server.serve({ load: 3, ms: 2000 });
  expect(server.turns).toEqual([true]);
  await server.serve({ load: 0.3, ms: 2500 });
  expect(server.turns).toEqual([true, false]);
  const after = await server.serve({ load: 0.3, ms: 800 });
  await server.optimizer.stop();
  expect(server.turns).toEqual([true, false]);
  expect(calm.refused).toBe(0);
  expect(over.refused).toBeGreaterThan(100);
  expect([...over.reasons]).toEqual(['queue-age']);
  expect(after.refused).toBe(0);
}, 120_000);

test('L11: a loop that stands still for 2 s raises no pressure and refuses nobody', async () => {
  const server = new Server();
  let samples = 0;
  server.optimizer.on('sample', () => samples++);
  server.optimizer.start();
  await server.serve({ load: 0.2, ms: 1000 });
  // What comes in meanwhile is 400 ms of work, 2 s old.
  const after = await server.serve({ load: 0.2, ms: 4000, stallMs: 2000 });
  await server.optimizer.stop();
  expect(samples).toBeGreaterThan(2);
  expect(after.late).toBeGreaterThan(50);
  expect(after.refused).toBe(0);
  expect(server.turns).toEqual([]);
  expect(server.pressures).toEqual([]);
}, 120_000);

test('the stall itself is told: its sample shows the loop’s longest delay', async () => {
  const optimizer = new ResourceUsageOptimizer({ act: false, sampleIntervalMs: 200 }).start();
  const delays: number[] = [];
  optimizer.on('sample', ({ detail }) => delays.push(detail.eventLoop.delayMaxMs));
  await sleep(500);
  const untilMs = performance.now() + 600;
  while (performance.now() < untilMs);
  await sleep(500);
  await optimizer.stop();
  expect(Math.max(...delays)).toBeGreaterThan(400);
}, 30_000);
