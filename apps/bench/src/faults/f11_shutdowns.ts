import { setTimeout as sleep } from 'node:timers/promises';
import { Callers } from './callers.ts';
import { atMost, exactly, type Fault, type FaultMetrics } from './fault.ts';
import type { FaultCase } from './fault_case.ts';

const CALLERS = 8;
const MAX = 4;

function shutdown(mode: 'fast' | 'immediate', suffix: string): Fault {
  return {
    id: `F11${suffix}`,
    name: `shutdown-${mode}`,
    happens: `the server is shut down (${mode}) under 8 callers, and comes back after 1 s`,
    must: 'fail only what was under way, keep the rest waiting, serve when it is back',
    criteria: [
      atMost('errors', MAX, '', 'callers told an error'),
      atMost('servedMs', 5_000, 'ms', 'first success after it is back'),
      exactly('unserved', 0, 'callers unserved 2.5 s after it is back'),
    ],
    run: (bench) => shutDown(bench, mode),
  };
}

export const fastShutdown: Fault = shutdown('fast', '');
export const immediateShutdown: Fault = shutdown('immediate', 'i');

export const smartShutdown: Fault = {
  id: 'F11s',
  name: 'shutdown-smart',
  happens:
    'the server is shut down (smart): it refuses new connections and waits for the open ones',
  must: 'work on with the connections it has',
  criteria: [
    exactly('errors', 0, 'callers told an error'),
    exactly('unserved', 0, 'callers unserved in the last half second'),
  ],
  async run(bench) {
    const { server, url } = await bench.server();
    const pool = await bench.open({ databaseUrl: url, max: MAX, acquireTimeoutMs: 5_000 });
    const callers = new Callers(pool, { callers: CALLERS });
    await sleep(500);
    const down = server.shutdown('smart');
    await sleep(1_000);
    const lately = performance.now();
    await sleep(500);
    const metrics = {
      errors: callers.errors.length,
      unserved: callers.unservedSince(lately),
    };
    await callers.stop();
    // It is down as soon as nobody is connected; the case ends on a server that answers.
    await pool.end();
    await down;
    await server.restart();
    return metrics;
  },
};

async function shutDown(bench: FaultCase, mode: 'fast' | 'immediate'): Promise<FaultMetrics> {
  const { server, url } = await bench.server();
  const pool = await bench.open({ databaseUrl: url, max: MAX, acquireTimeoutMs: 10_000 });
  const callers = new Callers(pool, { callers: CALLERS });
  await sleep(500);
  await server.shutdown(mode);
  await sleep(1_000);
  await server.restart();
  const backAt = performance.now();
  await sleep(2_500);
  const metrics = {
    errors: callers.errors.length,
    servedMs: callers.firstServedAfter(backAt),
    unserved: callers.unservedSince(backAt),
  };
  await callers.stop();
  return metrics;
}
