import { setTimeout as sleep } from 'node:timers/promises';
import { Callers } from './callers.ts';
import { atMost, exactly, type Fault, type FaultMetrics } from './fault.ts';
import type { FaultCase } from './fault_case.ts';

const CALLERS = 16;

export const networkSilent: Fault = {
  id: 'F13',
  name: 'network-silent',
  happens: 'the network drops everything; after 2 s it carries new connections, never the old ones',
  must: 'notice, give the old connections up, and serve over new ones, without a query timeout',
  criteria: [
    atMost('noticedMs', 3_500, 'ms', 'first caller told after'),
    atMost('servedMs', 5_000, 'ms', 'first success after new connections work'),
    exactly('unserved', 0, 'callers unserved 6 s after new connections work'),
  ],
  async run(bench) {
    const { proxy, url } = await bench.proxy(await bench.database());
    return watch(bench, url, async () => {
      proxy.set('blackhole');
      const noticed = performance.now();
      await sleep(2_000);
      proxy.set('pass', { existing: false });
      return noticed;
    });
  },
};

export const answersLost: Fault = {
  id: 'F14',
  name: 'answers-lost',
  happens: 'what the server sends over the open connections no longer arrives; new ones work',
  must: 'notice, give the old connections up, and serve over new ones, without a query timeout',
  criteria: [
    atMost('noticedMs', 3_500, 'ms', 'first caller told after'),
    atMost('servedMs', 5_000, 'ms', 'first success after the cut'),
    exactly('unserved', 0, 'callers unserved 6 s after the cut'),
  ],
  async run(bench) {
    const { proxy, url } = await bench.proxy(await bench.database());
    return watch(bench, url, async () => {
      proxy.set('blackhole-to-client', { fresh: false });
      return performance.now();
    });
  },
};

export const halfOpen: Fault = {
  id: 'F15',
  name: 'half-open',
  happens: 'the server forgets the open connections, idle and lent, without a word; new ones work',
  must: 'answer or fail each caller soon, and serve over new connections, without a query timeout',
  criteria: [
    atMost('noticedMs', 3_500, 'ms', 'first caller told after'),
    atMost('servedMs', 5_000, 'ms', 'first success after the cut'),
    exactly('unserved', 0, 'callers unserved 6 s after the cut'),
    atMost('idleMs', 3_500, 'ms', 'a caller that gets an idle one is answered after'),
  ],
  async run(bench) {
    const { proxy, url } = await bench.proxy(await bench.database());
    const idlePool = await bench.open({ databaseUrl: url, max: 1, acquireTimeoutMs: 10_000 });
    await idlePool.query('select 1');
    let idleMs = Number.POSITIVE_INFINITY;
    const metrics = await watch(bench, url, async () => {
      proxy.set('half-open', { fresh: false });
      const cutAt = performance.now();
      const answered = (): void => {
        idleMs = performance.now() - cutAt;
      };
      void idlePool.query('select 1').then(answered, answered);
      return cutAt;
    });
    return { ...metrics, idleMs };
  },
};

/** @param cut cuts the network, and returns the time of the cut once new connections work. */
async function watch(
  bench: FaultCase,
  databaseUrl: string,
  cut: () => Promise<number>,
): Promise<FaultMetrics> {
  const pool = await bench.open({ databaseUrl, max: 5, acquireTimeoutMs: 15_000 });
  const callers = new Callers(pool, { callers: CALLERS });
  await sleep(500);
  callers.errors.length = 0;
  let noticedAt = Number.POSITIVE_INFINITY;
  const looking = setInterval(() => {
    if (callers.errors.length > 0) noticedAt = Math.min(noticedAt, performance.now());
  }, 10);
  const cutAt = await cut();
  // Answers that were under way are not answers to the cut.
  await sleep(50);
  const worksAt = performance.now();
  await sleep(6_000);
  clearInterval(looking);
  const metrics = {
    noticedMs: noticedAt - cutAt,
    servedMs: callers.firstServedAfter(worksAt),
    unserved: callers.unservedSince(worksAt),
    errors: callers.errors.length,
  };
  await callers.stop();
  return metrics;
}
