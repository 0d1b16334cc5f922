import { setTimeout as sleep } from 'node:timers/promises';
import { Callers } from './callers.ts';
import { exactly, type Fault } from './fault.ts';

const MAX = 4;

export const blockedLoop: Fault = {
  id: 'F52',
  name: 'blocked-loop',
  happens:
    'the process itself does nothing for 2 s, longer than its callers wait, while 8 callers use 4 connections',
  must: 'not take that for a fault of the server: no error, no connection given up, no growth',
  criteria: [
    exactly('errors', 0, 'callers told an error'),
    exactly('reconnects', 0, 'connects begun'),
    exactly('unserved', 0, 'callers unserved afterwards'),
  ],
  async run(bench) {
    // No proxy: it would live in the process that is blocked.
    const url = await bench.database();
    const pool = await bench.open({ databaseUrl: url, max: MAX, acquireTimeoutMs: 1_500 });
    const callers = new Callers(pool, { callers: 8, text: 'select 1 from pg_sleep(0.01)' });
    await sleep(500);
    const from = performance.now();
    while (performance.now() - from < 2_000);
    const after = performance.now();
    await sleep(1_500);
    const metrics = {
      errors: callers.errors.length,
      reconnects: bench.sockets.attempts(Number(new URL(url).port), from),
      unserved: callers.unservedSince(after),
    };
    await callers.stop();
    return metrics;
  },
};
