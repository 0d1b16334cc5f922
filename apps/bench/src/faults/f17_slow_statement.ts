import { Callers } from './callers.ts';
import { answerOf } from './error_causes.ts';
import { atLeast, exactly, type Fault } from './fault.ts';

export const slowStatement: Fault = {
  id: 'F17',
  name: 'slow-statement',
  happens: 'a statement takes 8 s (full: 60 s) on a healthy server and says nothing meanwhile',
  must: 'leave it alone',
  criteria: [
    exactly('slowErrors', 0, 'errors of the slow statement'),
    exactly('otherErrors', 0, 'errors of others'),
    atLeast('others', 100, '', 'others served meanwhile'),
  ],
  limitMs: { quick: 30_000, full: 90_000 },
  async run(bench) {
    const { url } = await bench.proxy(await bench.database());
    const pool = await bench.open({ databaseUrl: url, max: 3, acquireTimeoutMs: 5_000 });
    const slow = answerOf(pool.query(`select pg_sleep(${bench.isFull ? 60 : 8})`));
    const callers = new Callers(pool, { callers: 1, text: 'select 1 from pg_sleep(0.01)' });
    const { error } = await slow;
    await callers.stop();
    return {
      slowErrors: error === undefined ? 0 : 1,
      otherErrors: callers.errors.length,
      others: callers.served,
    };
  },
};
