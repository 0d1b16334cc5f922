import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { throughProxy } from './_fault_fixture.ts';
import { Load } from './_load_fixture.ts';
import { LossyLink, noLossBecause } from './_lossy_link_fixture.ts';
import { Oracle } from './_oracle_fixture.ts';
import { until } from './_pg_conformance.ts';
import { Pool } from './pool.ts';

let postgres: RunningPostgres;
beforeAll(async () => {
  postgres = await startPostgres({ external: false, auth: 'trust' });
});
afterAll(() => postgres.stop());

const OPTIONS = {
  max: 4,
  minConnections: 4,
  connectionTimeoutMillis: 60_000,
  healthCheckIntervalMs: 500,
};

test('F19 latency of 200 ± 100 ms each way is no outage: no error, no connection lost, no doubt', async () => {
  await using setting = await throughProxy(postgres.url, OPTIONS);
  const { pool, proxy, oracle } = setting;
  proxy.set('delay', { delayMs: 200, jitterMs: 100 });
  const load = new Load(pool, { callers: 8 });
  await until('the load ran', () => load.ok >= 24, 15_000);
  await load.stop();
  expect([load.failed, load.refused, oracle.states]).toEqual([[], [], []]);
  expect(pool.stats().destroyed).toEqual({});
  proxy.set('pass');
  await oracle.settled();
});

const because = noLossBecause();
/** Where packets cannot be dropped, the proxy holds every connection back for as long as TCP would take to send again. */
const how = because === undefined ? 'real packets' : `imitated by delays: ${because}`;

test(`F19 packet loss of 20 % (${how}) is no outage: nobody is refused, the pool is never down, hardly a statement is given up`, async () => {
  const seconds = 4;
  let pool: Pool;
  let oracle: Oracle;
  let stop: () => Promise<void>;
  if (because === undefined) {
    const { socketDir = '', port } = postgres;
    const link = await LossyLink.open(0.2, { socketDir, port });
    const { user, database } = postgres;
    oracle = new Oracle(
      (own) => new Pool({ ...link.options, user, database, ...OPTIONS, ...own }),
      postgres.url,
    );
    pool = oracle.pool;
    stop = async () => {
      await oracle.ended();
      await link[Symbol.asyncDispose]();
    };
  } else {
    const setting = await throughProxy(postgres.url, OPTIONS);
    ({ pool, oracle } = setting);
    // 20 % of the packets take 200 ms more, the first retransmission; some a second one.
    setting.proxy.set('delay', { delayMs: 150, jitterMs: 150 });
    stop = async () => setting[Symbol.asyncDispose]();
  }
  const load = new Load(pool, { callers: 8 });
  const enoughAt = performance.now() + seconds * 1_000;
  await until('the load ran', () => performance.now() > enoughAt && load.ok > 20, 15_000);
  await load.stop();
  console.log(`${load.ok} statements, ${load.failed.length} lost, states ${oracle.states}`);
  expect(oracle.states).not.toContain('down');
  expect(load.refused).toEqual([]);
  // One packet in 600 is lost four times in a row and silent for 3 s: as good as a connection that was cut.
  expect(load.failed.length).toBeLessThanOrEqual(Math.max(1, 0.02 * load.ok));
  for (const error of load.failed) expect(error).toMatchObject({ maybeExecuted: true });
  // The packets of a connect are lost as well: one that replaces what was cut may take several retransmissions.
  await oracle.settled(15_000);
  await stop();
}, 60_000);
