import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { answerOf } from './error_causes.ts';
import { atMost, exactly, type Fault } from './fault.ts';
import { pairWithLedger } from './writers.ts';

const LAG_MS = 1_000;
/** After that a pool has had a look at the lag: every 5 s, ours. */
const LOOKED_MS = 7_000;

export const replicaLag: Fault = {
  id: 'F33',
  name: 'replica-lag',
  happens: `the standby that is read from falls behind its primary, further than the ${LAG_MS} ms that readers bear`,
  must: 'read from the primary then',
  criteria: [
    atMost('freshMs', LOOKED_MS, 'ms', 'first reader to see what was written'),
    exactly('stale', 0, 'readers afterwards that do not'),
    exactly('errors', 0, 'readers told an error'),
  ],
  limitMs: { quick: 40_000, full: 40_000 },
  async run(bench) {
    const pair = await pairWithLedger(bench);
    const pool = await bench.open({
      databaseUrl: pair.url,
      servers: { hosts: pair.hosts, role: 'prefer-standby', maxReplicaLagMs: LAG_MS },
      max: 3,
      acquireTimeoutMs: 5_000,
    });
    await sleep(500);
    const [{ standby } = { standby: false }] = await pool.query(
      'select pg_is_in_recovery() standby',
    );
    if (standby !== true) throw new Error('the readers do not read from the standby');
    const tell = (url: string, statement: string): Promise<unknown> =>
      bench.administer(url, (client) => client.query(statement));
    await tell(pair.urlOf(pair.standby), 'select pg_wal_replay_pause()');
    await bench.administer(pair.urlOf(pair.standby), paused);
    await tell(pair.url, `insert into ledger values ('late')`);
    const from = performance.now();
    let freshMs = Number.POSITIVE_INFINITY;
    let stale = 0;
    let errors = 0;
    while (performance.now() - from < LOOKED_MS + 1_000) {
      const { value, error } = await answerOf(pool.query('select note from ledger'));
      if (error !== undefined) errors++;
      else if (value?.length === 1) freshMs = Math.min(freshMs, performance.now() - from);
      else if (freshMs < Number.POSITIVE_INFINITY) stale++;
      await sleep(20);
    }
    await tell(pair.urlOf(pair.standby), 'select pg_wal_replay_resume()');
    return { freshMs, stale, errors };
  },
};

/** A pause is only asked for at first: what is replayed until then would make a standby of today's of one that is to be behind. */
async function paused(client: Client): Promise<void> {
  for (const from = performance.now(); performance.now() - from < 5_000; await sleep(20)) {
    const { rows } = await client.query('select pg_get_wal_replay_pause_state() state');
    if (rows[0]?.state === 'paused') return;
  }
  throw new Error('the standby does not pause, and is not behind');
}
