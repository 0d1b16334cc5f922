import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario, Subject } from '../scenario/scenario.ts';
import { median } from '../statistics/median.ts';

const TIMES = 5;

export const probeStall: Scenario = {
  id: 'G4',
  name: 'probe-stall',
  group: 'guard',
  question: 'How long does the event loop stand still for the probe that proves a leak?',
  target: '<= 1/3 of a forced gc() at 50 MB of live heap, <= 1/10 at 500 MB',
  needs: [],
  takes: [],
  params: { callers: 1, connections: 1, warmupMs: 0, durationMs: 0 },
  roundMs: () => 11_000,
  rounds: 5,
  criteria: [
    { metric: 'stallAt50Ms', subject: 'fynlo', peer: 'forced gc()', op: '<=', bound: 1 / 3 },
    { metric: 'stallAt500Ms', subject: 'fynlo', peer: 'forced gc()', op: '<=', bound: 1 / 10 },
  ],
  // For the peer only; ours needs no flag.
  nodeFlags: ['--expose-gc'],
  subjects: [
    subject('fynlo', 'checkForLeaks() with its soft probe', async () => {
      const { MemoryLeakPrevention } = await import('@fynlo/leak-guard');
      const guard = new MemoryLeakPrevention();
      return async () => {
        const { probe } = await guard.checkForLeaks();
        if (probe?.conclusive !== true || probe.kind !== 'soft') {
          throw new Error(`the soft probe proved nothing: ${JSON.stringify(probe)}`);
        }
      };
    }),
    subject('forced gc()', 'node --expose-gc, gc()', async () => () => globalThis.gc?.()),
  ],
};

function subject(
  name: string,
  settings: string,
  prepare: () => Promise<() => void | Promise<void>>,
): Subject {
  return {
    name,
    settings,
    async round() {
      const collect = await prepare();
      const live: unknown[] = [];
      // A service at work: small objects that die young.
      let young: unknown;
      const garbage = setInterval(() => {
        for (let i = 0; i < 3000; i++) young = { a: i, b: [i] };
      }, 20);
      fill(live, 50);
      const at50 = await stall(collect);
      fill(live, 500);
      const at500 = await stall(collect);
      clearInterval(garbage);
      return {
        metrics: { stallAt50Ms: at50, stallAt500Ms: at500 },
        details: { liveObjects: live.length, lastYoung: young !== undefined },
      };
    },
  };
}

/** Small objects of about 128 bytes, until there are so many MB of them. */
function fill(live: unknown[], megabytes: number): void {
  for (let i = live.length; i < megabytes * 8192; i++) {
    live.push({ a: i, b: [i, i + 1], c: `x${i}` });
  }
}

/** The longest time a 1 ms timer was kept waiting during a collection; the median of several. */
async function stall(collect: () => void | Promise<void>): Promise<number> {
  // What filling the heap has started is over.
  await sleep(500);
  const stalls: number[] = [];
  for (let time = 0; time <= TIMES; time++) {
    let longest = 0;
    let last = performance.now();
    const ticks = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }, 1);
    await sleep(20);
    longest = 0;
    await collect();
    await sleep(20);
    clearInterval(ticks);
    // The first one also compiles what it runs.
    if (time > 0) stalls.push(longest);
    await sleep(100);
  }
  return median(stalls);
}
