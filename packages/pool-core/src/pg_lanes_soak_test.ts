/**
 * Lanes under random faults, slow queries, aborts and errors, on the server itself and behind a pooler.
 *
 * `FYNLO_SOAK_SECONDS` sets about how long each takes (4), `FYNLO_SEED` replays what a run asked and suffered that printed that seed.
 */
import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { startPgBouncer } from '@fynlo/services/pgbouncer';
import { expect, inject, test } from 'vitest';
import { soakLanes } from './_lanes_soak_fixture.ts';
import { proxiedLanes } from './_pg_lanes_fixture.ts';
import { Pool } from './pool.ts';

const SEED = Number(process.env['FYNLO_SEED'] ?? Date.now() % 1_000_000);
const SECONDS = Number(process.env['FYNLO_SOAK_SECONDS'] ?? 4);
const OPTIONS = {
  max: 6,
  prepare: 'auto',
  pipelining: { window: 8, lingerMs: 10 },
} as const;

test(
  `every query is settled once, with its own rows, whatever happens (seed ${SEED})`,
  async () => {
    await using setting = await proxiedLanes(startFaultProxy, inject('postgresUrl'), {
      ...OPTIONS,
      silenceTimeoutMs: 300,
      application_name: 'lanes soak',
    });
    const backends = "application_name = 'lanes soak'";
    await soakLanes({
      ...setting,
      backends,
      faults: ['terminate', 'cut', 'silence'],
      seed: SEED,
      seconds: SECONDS,
    });
  },
  SECONDS * 10_000 + 60_000,
);

test(
  `so it is behind PgBouncer in transaction mode (seed ${SEED})`,
  async () => {
    const url = inject('postgresUrl');
    // Before 1.21 a lost client misleads the next one, which is why nothing is pipelined there: so none is lost.
    const safe = { defaultPoolSize: 4, maxPreparedStatements: 100 };
    const isSafe = await startPgBouncer(url, safe).then(
      (bouncer) => bouncer.stop().then(() => true),
      ({ message }: Error) => {
        if (message.includes('1.21 is the first that does')) return false;
        throw new Error(message);
      },
    );
    await using bouncer = await startPgBouncer(url, isSafe ? safe : { defaultPoolSize: 4 });
    await using aside = new Pool({ connectionString: url, max: 2 });
    // Nothing is slow: on a busy machine every statement would be taken for a slow one, and none shared.
    const slow = { slowMeanMs: 60_000, slowP95Ms: 60_000 };
    await using setting = await proxiedLanes(startFaultProxy, bouncer.url, {
      ...OPTIONS,
      pipelining: { ...OPTIONS.pipelining, ...slow },
      pooler: isSafe ? undefined : { name: 'pgbouncer', mode: 'transaction', pipelining: true },
      application_name: 'lanes soak behind',
    });
    expect(await setting.pool.detectPooler()).toMatchObject({
      name: 'pgbouncer',
      pipelining: true,
    });
    await soakLanes({
      ...setting,
      aside,
      // The pooler tells it its servers.
      backends: "application_name = 'lanes soak behind'",
      faults: isSafe ? ['terminate', 'cut'] : ['terminate'],
      seed: SEED,
      seconds: SECONDS / 2,
    });
  },
  SECONDS * 10_000 + 60_000,
);
