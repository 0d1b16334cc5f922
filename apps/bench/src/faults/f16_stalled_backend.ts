import { kill } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Callers } from './callers.ts';
import { answerOf } from './error_causes.ts';
import { atLeast, exactly, type Fault } from './fault.ts';
import { within } from './within.ts';

export const stalledBackend: Fault = {
  id: 'F16',
  name: 'stalled-backend',
  happens: 'one backend stops for 4 s while its connection stays open (n8n-io/n8n#32838)',
  must: 'serve everybody else meanwhile, and answer or fail the one that waits for it',
  criteria: [
    exactly('otherErrors', 0, 'errors of others'),
    atLeast('others', 100, '', 'others served meanwhile'),
    exactly('answered', 1, 'the one that waited is answered'),
    exactly('laterErrors', 0, 'errors afterwards'),
  ],
  async run(bench) {
    // Of its own: its processes are this machine's.
    const { url } = await bench.server();
    const pool = await bench.open({ databaseUrl: url, max: 4, acquireTimeoutMs: 5_000 });
    const client = await pool.acquire();
    const pid = Number((await client.query('select pg_backend_pid() pid'))[0]?.['pid']);
    kill(pid, 'SIGSTOP');
    const stalled = answerOf(client.query('select 1'));
    const callers = new Callers(pool, { callers: 6, text: 'select 1 from pg_sleep(0.005)' });
    await sleep(4_000);
    const others = callers.served;
    const otherErrors = callers.errors.length;
    await callers.stop();
    kill(pid, 'SIGCONT');
    const answer = await within(2_000, stalled);
    await client.release();
    const later = await Promise.all(
      Array.from({ length: 20 }, () => answerOf(pool.query('select 1'))),
    );
    return {
      otherErrors,
      others,
      answered: answer === undefined ? 0 : 1,
      laterErrors: later.filter(({ error }) => error !== undefined).length,
    };
  },
};
