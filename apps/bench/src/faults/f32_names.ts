import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { atMost, exactly, type Fault } from './fault.ts';
import type { FaultCase } from './fault_case.ts';
import { NAME, type NameService } from './name_service.ts';

const OLD = 2;
/** Looks at names are minutes apart in a cloud's resolver, and some seconds in a pool. */
const HURRY = 5;

/** A name with two addresses, both in front of the same database. */
async function twoAddresses(bench: FaultCase): Promise<{
  names: NameService;
  first: Awaited<ReturnType<FaultCase['proxy']>>['proxy'];
  second: Awaited<ReturnType<FaultCase['proxy']>>['proxy'];
  url: string;
}> {
  const database = await bench.database();
  const names = bench.names();
  const { proxy: first, url: proxied } = await bench.proxy(database);
  const { proxy: second } = await bench.proxy(database, { host: '127.0.0.2', port: first.port });
  const url = new URL(proxied);
  url.hostname = NAME;
  return { names, first, second, url: url.href };
}

export const deadAddress: Fault = {
  id: 'F32',
  name: 'dead-address',
  happens:
    'the server’s name has two addresses; the first refuses, and later takes connections and says nothing',
  must: 'serve over the second one',
  criteria: [
    atMost('refusedMs', 500, 'ms', 'served where the first address refuses'),
    atMost('silentMs', 2_500, 'ms', 'served where it is silent'),
    exactly('nextErrors', 0, 'of 5 later callers told an error'),
  ],
  limitMs: { quick: 40_000, full: 40_000 },
  async run(bench) {
    const { names, first, second, url } = await twoAddresses(bench);
    names.addresses = [first.host, second.host];
    first.set('refuse');
    const one = await bench.open({ databaseUrl: url, max: 5, acquireTimeoutMs: 5_000 });
    const refused = await answerOf(one.query('select 1'));
    first.set('accept-silent');
    const other = await bench.open({ databaseUrl: url, max: 5, acquireTimeoutMs: 5_000 });
    const silent = await answerOf(other.query('select 1'));
    const next = await Promise.all(
      Array.from({ length: 5 }, () => answerOf(other.query('select pg_sleep(0.05)'))),
    );
    return {
      refusedMs: refused.error === undefined ? refused.takenMs : Number.POSITIVE_INFINITY,
      silentMs: silent.error === undefined ? silent.takenMs : Number.POSITIVE_INFINITY,
      nextErrors: next.filter(({ error }) => error !== undefined).length,
    };
  },
};

export const changedName: Fault = {
  id: 'F32n',
  name: 'changed-name',
  happens: `the server’s name is unknown for 1 s (NXDOMAIN), then known, then leads elsewhere (time 1 : ${HURRY} for what pools do by themselves)`,
  must: 'serve callers with time left, and move to the new address, the open connections as well',
  criteria: [
    exactly('keptWaiting', 1, 'a caller with time left is served once the name is known'),
    exactly('elsewhere', 1, 'the next new connection goes to the new address'),
    atMost('leftMs', 8_000, 'ms', 'the last idle connection has left the old one after'),
    exactly('errors', 0, 'callers told an error meanwhile'),
  ],
  limitMs: { quick: 40_000, full: 40_000 },
  async run(bench) {
    const { names, first, second, url } = await twoAddresses(bench);
    const pool = await bench.open({
      databaseUrl: url,
      max: OLD + 1,
      acquireTimeoutMs: 5_000,
      idleTimesBy: 1 / HURRY,
    });
    const waiting = answerOf(pool.query('select 1'));
    await sleep(1_000);
    names.addresses = [first.host];
    const kept = await waiting;
    const held = await Promise.all(Array.from({ length: OLD }, () => pool.acquire()));
    names.addresses = [second.host];
    const fresh = await answerOf(pool.acquire());
    const elsewhere = second.accepted;
    for (const client of [...held, fresh.value]) await client?.release();
    const changedAt = performance.now();
    let errors = 0;
    let leftMs = Number.POSITIVE_INFINITY;
    // As a service does that has little to do: connections that nobody uses would only be closed as idle.
    while (performance.now() - changedAt < 9_000 && leftMs === Number.POSITIVE_INFINITY) {
      const calls = Array.from({ length: OLD + 1 }, () =>
        answerOf(pool.query('select pg_sleep(0.02)')),
      );
      errors += (await Promise.all(calls)).filter(({ error }) => error !== undefined).length;
      if (first.connections === 0) leftMs = performance.now() - changedAt;
      await sleep(100);
    }
    return {
      keptWaiting: kept.error === undefined ? 1 : 0,
      elsewhere: fresh.error === undefined && elsewhere > 0 ? 1 : 0,
      leftMs,
      errors,
    };
  },
};
