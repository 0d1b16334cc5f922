import { setTimeout as sleep } from 'node:timers/promises';
import { Callers } from './callers.ts';
import { atLeast, exactly, type Fault } from './fault.ts';

const MAX = 4;
const EVERY_MS = 20;
const OBJECTS = 30_000;
const LIVE = 12;

export const garbageCollection: Fault = {
  id: 'F53',
  name: 'garbage-collection',
  happens:
    'the process collects garbage a good part of the time, while 16 callers use 4 connections',
  must: 'not take that for a fault of the server: no error, no connection given up',
  criteria: [
    exactly('errors', 0, 'callers told an error'),
    exactly('reconnects', 0, 'connects begun'),
    // That they go on at all: how many depends on the machine.
    atLeast('served', 20, '', 'callers served meanwhile'),
  ],
  nodeFlags: ['--expose-gc'],
  async run(bench) {
    const url = await bench.database();
    const pool = await bench.open({ databaseUrl: url, max: MAX, acquireTimeoutMs: 5_000 });
    const callers = new Callers(pool, { callers: 16, text: 'select 1 from pg_sleep(0.005)' });
    await sleep(500);
    const from = performance.now();
    const before = callers.served;
    const kept: unknown[][] = [];
    const litter = setInterval(() => {
      // Small objects that live for a while: what makes collections long.
      kept.push(Array.from({ length: OBJECTS }, (_, i) => ({ i, text: `${i}` })));
      if (kept.length > LIVE) kept.splice(0, LIVE / 2);
      globalThis.gc?.();
    }, EVERY_MS);
    await sleep(3_000);
    clearInterval(litter);
    const metrics = {
      errors: callers.errors.length,
      reconnects: bench.sockets.attempts(Number(new URL(url).port), from),
      served: callers.served - before,
    };
    await callers.stop();
    return metrics;
  },
};
