/**
 * F82: a pool under random faults and careless callers, for as long as one likes. After it the books of a bank must balance.
 *
 * `FYNLO_SOAK_SECONDS` sets how long it takes (15), `FYNLO_SEED` replays the faults of a run that printed that seed.
 */
import type { FaultProxy } from '@fynlo/services/fault-proxy';
import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import pg from 'pg';
import { expect, test } from 'vitest';
import { LATE_MS, throughProxy } from './_fault_fixture.ts';
import { delay, until } from './_pg_conformance.ts';
import { SoakBank } from './_soak_bank_fixture.ts';
import { type Fault, soakPlan } from './_soak_plan_fixture.ts';
import type { Pool } from './pool.ts';

const SECONDS = Number(process.env['FYNLO_SOAK_SECONDS'] ?? 15);
const SEED = Number(process.env['FYNLO_SEED'] ?? Math.floor(Math.random() * 1e9));
const CALLERS = 24;
const ACQUIRE_MS = 5_000;
const MAX = 8;

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

/** What must not grow: memory after a collection, and what keeps a process alive. */
interface Sample {
  readonly heapMb: number;
  readonly handles: number;
}

function sample(): Sample {
  globalThis.gc?.();
  return {
    heapMb: process.memoryUsage().heapUsed / 2 ** 20,
    handles: process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length,
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

test(
  `F82 no transfer is lost, none doubled and every acquire answered, whatever happens for ${SECONDS} s (seed ${SEED})`,
  async () => {
    const plan = soakPlan(SEED, SECONDS * 1_000);
    console.log(`seed ${SEED}, ${SECONDS} s, ${plan.length} faults`);
    await using postgres = await startPostgres({
      external: false,
      auth: 'trust',
      // What was committed must survive a SIGKILL. Locks of lost clients are not waited for to the end of the test.
      settings: { synchronous_commit: 'on', lock_timeout: '3s', deadlock_timeout: '100ms' },
    });
    await SoakBank.open(postgres.url);
    await using setting = await throughProxy(postgres.url, {
      max: MAX,
      minConnections: 2,
      connectionTimeoutMillis: ACQUIRE_MS,
      connectTimeoutMs: 1_000,
      resetTimeoutMs: 500,
      silenceTimeoutMs: 500,
      healthCheckIntervalMs: 400,
      connectionLifetimeMs: 6_000,
      maxUses: 400,
    });
    const { pool, proxy, oracle } = setting;
    let longestMs = 0;
    const waited = ({ waitedMs }: { readonly waitedMs: number }): void => {
      longestMs = Math.max(longestMs, waitedMs);
    };
    pool.observe({ acquired: waited, rejected: waited });
    const bank = new SoakBank(pool, SEED);
    bank.start(CALLERS);
    const samples: Sample[] = [];
    const done: string[] = [];
    const begun = performance.now();
    for (const { atMs, fault } of plan) {
      // A restart takes as long as it takes: what comes after it is late, but in order.
      await delay(Math.max(0, begun + atMs - performance.now()));
      done.push(`${Math.round(performance.now() - begun)} ms: ${JSON.stringify(fault)}`);
      await inflict(fault, { postgres, proxy, pool });
      pool.manager.pool.assertInvariants();
      expect(pool.totalCount).toBeLessThanOrEqual(MAX);
      samples.push(sample());
      if (performance.now() - begun > SECONDS * 1_000) break;
    }
    console.log(done.join('\n'));
    const overAt = performance.now();
    await until('transfers are committed again', () => bank.lastCommitAt > overAt + 500);
    expect(bank.lastCommitAt - overAt).toBeLessThan(5_000);
    await bank.stop();

    console.log(JSON.stringify({ ...bank.tally, asked: bank.asked, longestMs }));
    console.log(pool.explain());
    await bank.audit(postgres.url);
    // Each acquire was answered, exactly once, and in time.
    const { acquires, acquireTimeouts, acquireAborts, acquireRejections } = pool.stats();
    expect(acquires + acquireTimeouts + acquireAborts + acquireRejections).toBe(bank.asked);
    expect(longestMs).toBeLessThan(ACQUIRE_MS + LATE_MS);
    expect(bank.tally.committed).toBeGreaterThan(5 * SECONDS);
    await until('the pool is ready', () => pool.state === 'ready');
    await oracle.settled();

    // The second quarter against the last: flat, but for what the bank remembers (some 100 bytes a transfer).
    const quarter = Math.floor(samples.length / 4);
    const early = samples.slice(quarter, 2 * quarter);
    const late = samples.slice(-quarter);
    const grown = (of: (sample: Sample) => number): number =>
      median(late.map(of)) - median(early.map(of));
    const remembered = (bank.asked * 100) / 2 ** 20;
    expect(grown(({ heapMb }) => heapMb)).toBeLessThan(3 + remembered);
    // Those of the pool and of the proxy, both sides, and of who asks about silent connections.
    expect(Math.max(...late.map(({ handles }) => handles))).toBeLessThanOrEqual(3 * (MAX + 4));
  },
  (SECONDS + 60) * 1_000,
);
