/**
 * F82: a pool under random faults and careless callers, for as long as one likes. After each fault the books of a bank must balance.
 *
 * `FYNLO_SOAK_SECONDS` sets how long each takes (5). What fails prints the command that has the same callers do the same transfers,
 * and the same faults strike after as many commits.
 */
import { createDatabase } from '@fynlo/services/database';
import type { FaultProxy } from '@fynlo/services/fault-proxy';
import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LATE_MS, throughProxy } from './_fault_fixture.ts';
import { LostTime } from './_lost_time_fixture.ts';
import { delay, until } from './_pg_conformance.ts';
import { seeded } from './_simulation_fixture.ts';
import { SoakBank, type TransferPool } from './_soak_bank_fixture.ts';
import type { Fault } from './_soak_plan_fixture.ts';
import { runSoak } from './_soak_run_fixture.ts';
import type { PlannedTransfer } from './_soak_workload_fixture.ts';
import { TransactionRolledBackError } from './pg_errors.ts';
import { Pool } from './pool.ts';

const { env } = process;
const SECONDS = Number(env['FYNLO_SOAK_SECONDS'] ?? 5);
const SEED = Number(env['FYNLO_SEED'] ?? Math.floor(Math.random() * 1e9));
const FAULTS =
  env['FYNLO_SOAK_FAULTS'] === undefined ? undefined : Number(env['FYNLO_SOAK_FAULTS']);
const CALLERS = 24;
const ACQUIRE_MS = 5_000;
const MAX = 8;

let postgres: RunningPostgres;
beforeAll(async () => {
  postgres = await startPostgres({
    external: false,
    auth: 'trust',
    // What was committed must survive a SIGKILL. Locks of lost clients are not waited for to the end of the test.
    settings: { synchronous_commit: 'on', lock_timeout: '3s', deadlock_timeout: '100ms' },
  });
});
afterAll(() => postgres.stop());

/** Carries out one fault, to its end. */
async function inflict(
  fault: Fault,
  { postgres, proxy, pool }: { postgres: RunningPostgres; proxy: FaultProxy; pool: Pool },
): Promise<void> {
  switch (fault.kind) {
    case 'reset':
      proxy.cutAll('reset');
      return;
    case 'half-open':
    case 'fin-mid-message':
      proxy.set(fault.kind, { fresh: false });
      return;
    case 'refuse':
      proxy.set('refuse', { existing: false });
      break;
    case 'accept-silent':
      proxy.set('accept-silent', { existing: false });
      break;
    case 'blackhole':
    case 'blackhole-to-client':
    case 'blackhole-to-server':
      proxy.set(fault.kind, { fresh: fault.fresh });
      break;
    case 'delay':
      proxy.set('delay', fault);
      break;
    case 'freeze':
      postgres.freeze();
      await delay(fault.forMs);
      postgres.thaw();
      return;
    case 'terminate':
      await terminate(postgres.url, pool, fault.share);
      return;
    case 'crash':
      await postgres.kill();
      await delay(fault.downMs);
      await postgres.restart();
      return;
    case 'shutdown-fast':
    case 'shutdown-immediate':
      await postgres.shutdown(fault.kind === 'shutdown-fast' ? 'fast' : 'immediate');
      await delay(fault.downMs);
      await postgres.restart();
      return;
  }
  await delay(fault.forMs);
  proxy.set('pass');
}

async function terminate(url: string, pool: Pool, share: number): Promise<void> {
  const pids = pool._clients.map(
    (client) => (client as unknown as { processID: number }).processID,
  );
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [
    pids.filter(Boolean).slice(0, Math.ceil(pids.length * share)),
  ]);
  await admin.end();
}

/**
 * Sockets of this process beyond two for each connection, the pool's and the proxy's to the server, one of the proxy's for whatever it
 * has accepted (a connection it left half open stands there for good, whatever the pool does), and the one it listens on.
 */
function socketsLeft(pool: Pool, proxy: FaultProxy): number {
  const sockets = process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
  return sockets - 2 * pool.totalCount - proxy.connections - 1;
}

function heapMb(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/**
 * Memory after collections, the last third of a run against the one before, the first one being for what is compiled and cached. The
 * bound is what a run of some seconds scatters by; it does not grow with the length of the run.
 */
function expectFlat(heapsMb: readonly number[]): void {
  const third = Math.floor(heapsMb.length / 3);
  const grownMb = median(heapsMb.slice(-third)) - median(heapsMb.slice(third, 2 * third));
  expect(grownMb).toBeLessThan(2);
}

describe.each([
  ['without lanes', {}],
  ['with lanes', { pipelining: true }],
])('%s', (variant, options) => {
  test(
    `F82 ${variant} no transfer is lost, none doubled and every acquire answered, whatever happens for ${SECONDS} s (seed ${SEED})`,
    async () => {
      await using database = await createDatabase(postgres.url);
      await SoakBank.open(database.url);
      await using setting = await throughProxy(database.url, {
        max: MAX,
        minConnections: 2,
        connectionTimeoutMillis: ACQUIRE_MS,
        connectTimeoutMs: 1_000,
        resetTimeoutMs: 500,
        silenceTimeoutMs: 500,
        healthCheckIntervalMs: 400,
        connectionLifetimeMs: 6_000,
        maxUses: 400,
        ...options,
      });
      const { pool, proxy, oracle } = setting;
      using lost = new LostTime();
      let longestMs = 0;
      const waited = ({ waitedMs }: { readonly waitedMs: number }): void => {
        longestMs = Math.max(longestMs, waitedMs);
      };
      pool.observe({ acquired: waited, rejected: waited });
      const bank = new SoakBank(pool, SEED);
      bank.start(CALLERS);
      const heapsMb: number[] = [];
      await runSoak({
        seed: SEED,
        bank,
        seconds: SECONDS,
        faults: FAULTS,
        named: variant,
        inflict: (fault) => inflict(fault, { postgres, proxy, pool }),
        async check() {
          await bank.closeBooks(database.url);
          pool.manager.pool.assertInvariants();
          expect(pool.totalCount).toBeLessThanOrEqual(MAX);
          expect(longestMs).toBeLessThan(ACQUIRE_MS + LATE_MS + lost.ms);
          longestMs = 0;
          lost.ms = 0;
          await until('no socket is left over', () => socketsLeft(pool, proxy) === 0, 5_000);
          heapsMb.push(heapMb());
          // Of a day there would be hundreds of thousands.
          oracle.states.length = 0;
        },
        async end() {
          await bank.stop();
          await bank.closeBooks(database.url);
          const { acquires, acquireTimeouts, acquireAborts, acquireRejections, lanes } =
            pool.stats();
          const line = { ...bank.tally, asked: bank.asked, faults: heapsMb.length };
          console.log(JSON.stringify(line), heapsMb.slice(-30).map(Math.round).join(' '));
          // Each call was answered, exactly once.
          const { committed, unknown } = bank.tally;
          expect(committed + bank.tally['rolled-back'] + unknown).toBe(bank.asked);
          if (lanes === undefined) {
            expect(acquires + acquireTimeouts + acquireAborts + acquireRejections).toBe(bank.asked);
          } else expect(lanes.shared).toBeGreaterThan(heapsMb.length);
          await until('the pool is ready', () => pool.state === 'ready');
          await oracle.settled();
          expectFlat(heapsMb);
        },
      });
    },
    (SECONDS + 90) * 1_000,
  );
});

/** A pool that does nothing, and is as slow and as unlucky as `random` says. */
function moody(random: () => number): TransferPool {
  const answer = async (): Promise<never> => {
    await delay(random() * 3);
    if (random() < 0.3) throw new TransactionRolledBackError();
    return { command: 'COMMIT' } as never;
  };
  const client = { query: answer, release: () => undefined };
  return {
    connect: async () => client,
    query: answer,
    transaction: answer,
  } as unknown as TransferPool;
}

test('F82 a seed has the same callers do the same transfers, and the same faults strike after as many commits, however the pool fares', async () => {
  async function traceOf(mood: number): Promise<{ byCaller: string[][]; faults: string[] }> {
    const byCaller: PlannedTransfer[][] = Array.from({ length: 6 }, () => []);
    const bank = new SoakBank(moody(seeded(mood)), 42, (transfer) => {
      byCaller[transfer.id % 1_000]?.push(transfer);
    });
    bank.start(6);
    const struck: string[] = [];
    let over = 0;
    await runSoak({
      seed: 42,
      bank,
      seconds: 60,
      faults: 5,
      named: 'a seed',
      async inflict({ kind }) {
        struck.push(`${bank.tally.committed - over} ${kind}`);
        await delay(mood * 10);
      },
      async check() {
        over = bank.tally.committed;
      },
      end: () => bank.stop(),
    });
    return {
      byCaller: byCaller.map((transfers) => transfers.map((t) => JSON.stringify(t))),
      faults: struck,
    };
  }
  const [one, other] = await Promise.all([traceOf(1), traceOf(2)]);
  expect(one.faults).toHaveLength(5);
  expect(other.faults).toEqual(one.faults);
  for (const [caller, transfers] of one.byCaller.entries()) {
    const both = Math.min(transfers.length, other.byCaller[caller]?.length ?? 0);
    expect(both).toBeGreaterThan(20);
    expect(other.byCaller[caller]?.slice(0, both)).toEqual(transfers.slice(0, both));
  }
});

test('F82 a pool that sends a transaction twice is found out by the books, and the error has the command that repeats the run', async () => {
  await using database = await createDatabase(postgres.url);
  await SoakBank.open(database.url);
  await using pool = new Pool({ connectionString: database.url, max: 4 });
  const careless: TransferPool = {
    connect: () => pool.connect(),
    query: pool.query.bind(pool),
    async transaction(fn: never, options: never) {
      await pool.transaction(fn, options);
      return pool.transaction(fn, options);
    },
  } as TransferPool;
  const bank = new SoakBank(careless, 7);
  bank.start(4);
  const run = runSoak({
    seed: 7,
    bank,
    seconds: 60,
    named: 'without lanes',
    inflict: async () => undefined,
    check: () => bank.closeBooks(database.url),
    end: async () => undefined,
  });
  await expect(run).rejects.toThrow(
    /carried out 2 times.*FYNLO_SEED=7 FYNLO_SOAK_FAULTS=1 .*soak_test\.ts -t 'without lanes'/s,
  );
  await bank.stop();
});
