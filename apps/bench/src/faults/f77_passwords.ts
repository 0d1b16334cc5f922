import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { atMost, exactly, type Fault } from './fault.ts';
import type { FaultCase } from './fault_case.ts';
import type { FaultClient } from './fault_subject.ts';
import type { TrackedPool } from './tracked_pool.ts';

const DEADLINE_MS = 3_000;
const CALLERS = 6;
/** Connections of before the change, held over it. */
const OLD = 2;
/** A vault is a request away. */
const ASKING_MS = 30;

export const rotatedPassword: Fault = {
  id: 'F77',
  name: 'rotated-password',
  happens:
    'the password comes from an async provider and is changed; then the provider fails for once; then it does not answer for once',
  must: 'let nobody notice the first two, keep the third to the callers’ deadline, and recover',
  criteria: [
    exactly('oldLost', 0, 'connections from before that no longer work'),
    exactly('rotatedErrors', 0, `of ${CALLERS - OLD} callers told an error after the change`),
    exactly(
      'failedErrors',
      0,
      `of ${CALLERS} callers told an error after the provider failed once`,
    ),
    atMost('stuckMs', DEADLINE_MS + 250, 'ms', 'a caller answered though the provider is not'),
    atMost('recoveredMs', 2_000, 'ms', 'next success after'),
  ],
  limitMs: { quick: 40_000, full: 40_000 },
  async run(bench) {
    // Of its own: a shared one may trust everybody.
    const { url: database } = await bench.server({ auth: 'scram-sha-256' });
    const { role, url } = await bench.role(database);
    let answer: 'right' | 'fails' | 'never' = 'right';
    let current = role.password;
    const pool = await bench.open({
      databaseUrl: url,
      max: CALLERS,
      acquireTimeoutMs: DEADLINE_MS,
      async password() {
        const now = answer;
        answer = 'right';
        await sleep(ASKING_MS);
        if (now === 'fails') throw new Error('the vault is sealed');
        if (now === 'never') await new Promise(() => undefined);
        return current;
      },
    });
    const old = await Promise.all(Array.from({ length: OLD }, () => pool.acquire()));
    for (const client of old) await client.query('select 1');
    // Tokens live for longer than the second in which answers are shared; the change finds each pool at rest.
    await sleep(1_200);
    current = 'second';
    await bench.administer(database, (client) =>
      client.query(`alter role ${role.name} password 'second'`),
    );
    const rotatedErrors = await failures(pool, CALLERS - OLD);
    const oldLost = await broken(old);
    for (const client of old) await client.release();

    await dropped(bench, database);
    answer = 'fails';
    const failedErrors = await failures(pool, CALLERS);

    await dropped(bench, database);
    answer = 'never';
    const stuck = await answerOf(pool.query('select 1'));
    const stuckAt = performance.now();
    let recoveredMs = Number.POSITIVE_INFINITY;
    while (performance.now() - stuckAt < 6_000 && recoveredMs === Number.POSITIVE_INFINITY) {
      const { error } = await answerOf(pool.query('select 1'));
      if (error === undefined) recoveredMs = performance.now() - stuckAt;
      else await sleep(20);
    }
    return { oldLost, rotatedErrors, failedErrors, stuckMs: stuck.takenMs, recoveredMs };
  },
};

async function failures(pool: TrackedPool, count: number): Promise<number> {
  const calls = Array.from({ length: count }, () => answerOf(pool.query('select pg_sleep(0.1)')));
  return (await Promise.all(calls)).filter(({ error }) => error !== undefined).length;
}

async function broken(clients: readonly FaultClient[]): Promise<number> {
  const answers = clients.map(({ query }) => answerOf(query('select 1')));
  return (await Promise.all(answers)).filter(({ error }) => error !== undefined).length;
}

/** The pool has no connection any more, and knows it; the last answer of the provider is old. */
async function dropped(bench: FaultCase, url: string): Promise<void> {
  const pids = await bench.backends(url);
  await bench.administer(url, (client) =>
    client.query('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [pids]),
  );
  await sleep(1_200);
}
