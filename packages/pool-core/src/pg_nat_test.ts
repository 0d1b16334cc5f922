/** Idle connections that a device on the way forgets. */

import { Nat } from '@fynlo/services/nat';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { Oracle } from './_oracle_fixture.ts';
import { delay } from './_pg_conformance.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

const serverUrl = inject('postgresUrl');
const { hostname, port } = new URL(serverUrl);
/** An AWS NAT gateway forgets after 350 s, and the pool checks every 30 s: both at 1 : 250. */
const NAT_MS = 350_000 / 250;
const CHECK_MS = 30_000 / 250;

/** One user now and then, always on the warmest connection; then four at once. @returns what those four were told within 1 s */
async function afterQuietTime(
  nat: Nat,
  options: PoolOptions,
): Promise<{ answers: unknown[]; pool: Pool; oracle: Oracle }> {
  const oracle = new Oracle(
    (own) => new Pool({ connectionString: nat.url(serverUrl), max: 4, min: 4, ...own, ...options }),
    serverUrl,
  );
  const { pool } = oracle;
  await pool.warm(4);
  const quietUntil = performance.now() + 2.5 * NAT_MS;
  while (performance.now() < quietUntil) {
    await pool.query('select 1');
    await delay(CHECK_MS);
  }
  const answer = async (): Promise<unknown> => {
    const { rows } = await pool.query('select pg_sleep(0.05), 1 as one');
    return rows[0].one;
  };
  const late = delay(1_000).then(() => 'nothing');
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => Promise.race([answer().catch((error) => error.code), late])),
  );
  return { answers, pool, oracle };
}

test('F20 checks keep idle connections from being forgotten: nobody gets an error, and none is replaced', async () => {
  await using nat = await Nat.before({ host: hostname, port: Number(port) }, NAT_MS);
  const { answers, pool, oracle } = await afterQuietTime(nat, { healthCheckIntervalMs: CHECK_MS });
  expect(answers).toEqual([1, 1, 1, 1]);
  expect(nat.forgotten).toBe(0);
  expect(pool.stats()).toMatchObject({ created: 4, destroyed: {} });
  expect(oracle.states).toEqual([]);
  await oracle.settled();
  await oracle.ended();
});

test('F20 the device does forget: a connection of no pool is dead after that time', async () => {
  await using nat = await Nat.before({ host: hostname, port: Number(port) }, NAT_MS / 4);
  const client = new pg.Client({ connectionString: nat.url(serverUrl) });
  client.on('error', () => undefined);
  await client.connect();
  await delay(NAT_MS / 2);
  expect(nat.forgotten).toBe(1);
  const answered = client.query('select 1').then(
    () => true,
    () => undefined,
  );
  expect(await Promise.race([answered, delay(300).then(() => false)])).toBe(false);
});
