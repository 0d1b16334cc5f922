import { setTimeout as sleep } from 'node:timers/promises';
import type { Metrics } from '../measure/metric.ts';
import type { RoundContext, Scenario } from '../scenario/scenario.ts';
import { median } from '../statistics/median.ts';
import { stubPgPool } from '../subjects/stub_pools.ts';

/** The guard looks at memory every 30 s, and brings a collection about for it where none came: one such look is in it. */
const IDLE_MS = 30_000;
/** What starting costs is over. */
const SETTLE_MS = 3000;
/** Busy slices with and without the monitors take turns, since a machine drifts by more than they cost. */
const SLICE_MS = 2000;

export const monitorCost: Scenario = {
  id: 'G2',
  name: 'monitor-cost',
  group: 'guard',
  question: 'What do all monitors of guard and optimizer cost together, at their defaults?',
  target: '< 1 % CPU of a busy process, <= 0.3 % of an idle one',
  needs: [],
  takes: ['connections', 'duration'],
  params: { callers: 1, connections: 10, warmupMs: IDLE_MS + SETTLE_MS, durationMs: 24_000 },
  limitMs: 180_000,
  roundMs: ({ warmupMs, durationMs }, subject) =>
    subject === 'fynlo' ? warmupMs + durationMs : SETTLE_MS + 5000,
  rounds: 5,
  tableRounds: 1,
  criteria: [
    { metric: 'busyCpuPercent', subject: 'fynlo', op: '<=', bound: 1 },
    { metric: 'idleCpuPercent', subject: 'fynlo', op: '<=', bound: 0.3 },
  ],
  subjects: [
    {
      name: 'fynlo',
      settings: `MemoryLeakPrevention and ResourceUsageOptimizer, a pg.Pool attached; idle for ${IDLE_MS / 1000} s, then busy in slices`,
      round: (context) => measure(context),
    },
    {
      name: 'no monitors',
      settings: 'the same process with pg.Pool alone, idle',
      async round({ params }) {
        const { pool } = await openPool(params.connections);
        const metrics = { idleCpuPercent: await idleCpuPercent(5000) };
        await pool.end();
        return { metrics };
      },
    },
  ],
};

async function measure({ params }: RoundContext): Promise<{
  metrics: Metrics;
  details: Record<string, unknown>;
}> {
  const { guardPgPool, MemoryLeakPrevention } = await import('@fynlo/leak-guard');
  const { ResourceUsageOptimizer, watchPgPool } = await import('@fynlo/resource-optimizer');
  const { pool } = await openPool(params.connections);
  const guard = new MemoryLeakPrevention();
  const optimizer = new ResourceUsageOptimizer();
  guard.attach(guardPgPool(pool));
  optimizer.attach(watchPgPool(pool));
  const start = (): void => {
    guard.startMonitoring();
    optimizer.start();
  };
  const stop = async (): Promise<void> => {
    await Promise.all([guard.stop(), optimizer.stop()]);
  };

  start();
  const idle = await idleCpuPercent(IDLE_MS);
  const { snapshots, probes } = guard.getMemoryStats();
  if (snapshots === 0) throw new Error('the guard took no snapshot while the process was idle');
  await stop();

  await busyMicrosPerOp(SLICE_MS);
  const added: number[] = [];
  const pairs = Math.max(3, Math.round(params.durationMs / (2 * SLICE_MS)));
  for (let pair = 0; pair < pairs; pair++) {
    const micros = { on: 0, off: 0 };
    for (const way of pair % 2 === 0 ? (['on', 'off'] as const) : (['off', 'on'] as const)) {
      if (way === 'on') start();
      // The optimizer samples at each full second after its start: so each slice has two of them.
      await sleep(SLICE_MS / 4);
      micros[way] = await busyMicrosPerOp(SLICE_MS);
      if (way === 'on') await stop();
    }
    added.push((micros.on / micros.off - 1) * 100);
  }
  await pool.end();
  return {
    metrics: { busyCpuPercent: median(added), idleCpuPercent: idle },
    details: { addedByPair: added, snapshots, probes },
  };
}

/** A pool without workers of its own, and without a server. */
function openPool(max: number): ReturnType<typeof stubPgPool.open> {
  return stubPgPool.open({ connectMs: 0, queryMs: 0 }, { min: 0, max });
}

async function idleCpuPercent(ms: number): Promise<number> {
  await sleep(SETTLE_MS);
  const from = process.cpuUsage();
  const begun = performance.now();
  await sleep(ms);
  const { user, system } = process.cpuUsage(from);
  return (user + system) / (performance.now() - begun) / 10;
}

/** A loop that never idles: what JSON handlers do, 200 objects a turn, tens of minor collections a second. */
async function busyMicrosPerOp(ms: number): Promise<number> {
  const recent: unknown[] = [];
  let done = 0;
  const from = process.cpuUsage();
  const end = performance.now() + ms;
  while (performance.now() < end) {
    for (let i = 0; i < 200; i++) {
      const row = { id: done, name: `n${done}`, tags: [1, 2, 3], at: { x: done } };
      recent[done++ % 2000] = row;
      JSON.stringify(row);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { user, system } = process.cpuUsage(from);
  return (user + system) / done;
}
