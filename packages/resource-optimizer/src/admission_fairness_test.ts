import { expect, test } from 'vitest';
import { SimulatedClock } from './_simulated_clock.ts';
import { seeded } from './_simulated_server.ts';
import { AdmissionController } from './admission_controller.ts';
import { OverloadedError, type Priority } from './errors.ts';

const TASK_MS = 4;
const TARGET_MS = 100;
const FOR_MS = 20_000;
/** The queue has to be found too old before anybody is refused. */
const COUNT_FROM_MS = 1_000;

interface Stream {
  /** Arrivals per task that can be done. */
  readonly load: number;
  readonly priority?: Priority;
  readonly tenant?: string;
}

interface Fate {
  offered: number;
  refused: number;
  readonly waitedMs: number[];
}

/** One server, first come first served, and several streams of arrivals before its door. */
function serve(streams: Readonly<Record<string, Stream>>, seed: number): Record<string, Fate> {
  const clock = new SimulatedClock();
  const door = new AdmissionController(
    clock,
    {
      queueAgeMs: TARGET_MS,
      utilization: 0.95,
      afterMs: 50,
      releaseMs: 1000,
      memoryTarget: 0.8,
      cpuTarget: 0.7,
      pressureRetryMs: 5000,
    },
    () => ({ loopActiveMs: 0, loopIdleMs: 0 }),
    () => ({ memory: 'normal', cpu: 'normal', memoryValue: 0, cpuValue: 0 }),
    () => undefined,
  );
  const queue: { readonly name: string; readonly cameMs: number }[] = [];
  door.watch({
    name: 'tasks',
    oldestAgeMs: () => (queue[0] === undefined ? 0 : clock.nowMs - queue[0].cameMs),
  });
  door.start();
  const random = seeded(seed);
  const fates: Record<string, Fate> = {};
  const sources = Object.entries(streams).map(([name, stream]) => {
    fates[name] = { offered: 0, refused: 0, waitedMs: [] };
    return { name, stream, nextMs: 0 };
  });
  const counts = (): boolean => clock.nowMs >= COUNT_FROM_MS;
  while (clock.nowMs < FOR_MS) {
    for (const source of sources) {
      const { load, priority = 'normal', tenant } = source.stream;
      const fate = fates[source.name] as Fate;
      while (source.nextMs <= clock.nowMs) {
        if (counts()) fate.offered++;
        try {
          door.admit(priority, tenant);
          queue.push({ name: source.name, cameMs: source.nextMs });
        } catch (error) {
          if (!(error instanceof OverloadedError)) throw error;
          if (counts()) fate.refused++;
        }
        source.nextMs += (-Math.log(1 - random()) * TASK_MS) / load;
      }
    }
    const next = queue.shift();
    if (next === undefined) {
      clock.to(Math.max(Math.min(...sources.map(({ nextMs }) => nextMs)), clock.nowMs + 0.01));
      continue;
    }
    if (counts()) fates[next.name]?.waitedMs.push(clock.nowMs - next.cameMs);
    clock.to(clock.nowMs + TASK_MS);
  }
  door.stop();
  return fates;
}

function p99({ waitedMs }: Fate): number {
  return [...waitedMs].sort((a, b) => a - b)[Math.floor(waitedMs.length * 0.99)] ?? 0;
}

function served(fates: Record<string, Fate>): number {
  const tasks = Object.values(fates).reduce((sum, { waitedMs }) => sum + waitedMs.length, 0);
  return (tasks * TASK_MS) / (FOR_MS - COUNT_FROM_MS);
}

test.each([1, 2, 3])(
  'F50 at twice the capacity the 99th percentile is under twice the target, and nothing critical is refused (seed %d)',
  (seed) => {
    const fates = serve(
      { normal: { load: 1.8 }, critical: { load: 0.2, priority: 'critical' } },
      seed,
    );
    const { normal, critical } = fates as { normal: Fate; critical: Fate };
    expect(critical.refused).toBe(0);
    expect(p99(normal)).toBeLessThan(2 * TARGET_MS);
    expect(p99(critical)).toBeLessThan(2 * TARGET_MS);
    expect(served(fates)).toBeGreaterThan(0.95);
  },
);

const QUIET = ['a', 'b', 'c', 'd', 'e'];

test.each([1, 2, 3])(
  'F51 beside a tenant that asks for three times the capacity, quiet tenants are not refused (seed %d)',
  (seed) => {
    const streams: Record<string, Stream> = { noisy: { load: 3, tenant: 'noisy' } };
    for (const tenant of QUIET) streams[tenant] = { load: 0.06, tenant };
    const fates = serve(streams, seed);
    for (const tenant of QUIET) {
      const fate = fates[tenant] as Fate;
      expect(fate.refused).toBe(0);
      expect(p99(fate)).toBeLessThan(2 * TARGET_MS);
    }
    expect(served(fates)).toBeGreaterThan(0.95);
    // Without tenants they share the noisy one's fate.
    const blind = serve({ noisy: { load: 3 }, quiet: { load: 0.3 } }, seed);
    const { offered, refused } = blind['quiet'] as Fate;
    expect(refused / offered).toBeGreaterThan(0.5);
  },
);

test('F51 of two noisy tenants, the one that asks for twice as much gets less than half as much more', () => {
  const fates = serve(
    { louder: { load: 4, tenant: 'louder' }, loud: { load: 2, tenant: 'loud' } },
    7,
  );
  const done = (name: string): number => fates[name]?.waitedMs.length ?? 0;
  // Not quite as much as each other: while the queue is short all are let in, or the server would run dry.
  expect(done('louder') / done('loud')).toBeGreaterThan(0.75);
  expect(done('louder') / done('loud')).toBeLessThan(1.5);
});
