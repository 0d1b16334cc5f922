import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf, tells } from './error_causes.ts';
import { atMost, exactly, type Fault } from './fault.ts';

const DEADLINE_MS = 1_500;

export const downAtStart: Fault = {
  id: 'F01',
  name: 'down-at-start',
  happens: 'the server does not listen when the pool is made, and comes up later',
  must: 'tell callers at their deadline why, serve those who still wait when the server comes, knock gently',
  criteria: [
    atMost('answeredMs', DEADLINE_MS + 250, 'ms', 'first caller told after'),
    exactly('namesCause', 1, 'its error names ECONNREFUSED'),
    atMost('knocksPerSecond', 20, '/s', 'connects while down'),
    exactly('keptWaiting', 1, 'a caller with time left is served when the server is up'),
    atMost('servedMs', 1_500, 'ms', 'first success after the server is up'),
  ],
  async run(bench) {
    const { proxy, url } = await bench.proxy(await bench.database());
    proxy.set('refuse');
    const pool = await bench.open({ databaseUrl: url, max: 5, acquireTimeoutMs: DEADLINE_MS });
    const downAt = performance.now();
    const first = await answerOf(pool.query('select 1'));
    await sleep(Math.max(0, downAt + DEADLINE_MS - performance.now()));
    const knocks = bench.sockets.attempts(proxy.port, downAt) / (DEADLINE_MS / 1_000);
    const waiting = answerOf(pool.query('select 1'));
    await sleep(500);
    proxy.set('pass');
    const upAt = performance.now();
    const kept = await waiting;
    let servedMs = performance.now() - upAt;
    if (kept.error !== undefined) {
      servedMs = Number.POSITIVE_INFINITY;
      while (performance.now() - upAt < 5_000 && servedMs === Number.POSITIVE_INFINITY) {
        const { error } = await answerOf(pool.query('select 1'));
        if (error === undefined) servedMs = performance.now() - upAt;
        else await sleep(20);
      }
    }
    return {
      answeredMs: first.takenMs,
      namesCause: tells(first.error, 'ECONNREFUSED') ? 1 : 0,
      knocksPerSecond: knocks,
      keptWaiting: kept.error === undefined ? 1 : 0,
      servedMs,
    };
  },
};
