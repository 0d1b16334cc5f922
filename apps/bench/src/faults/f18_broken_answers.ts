import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultProxy } from '@fynlo/services/fault-proxy';
import { answerOf } from './error_causes.ts';
import { atMost, exactly, type Fault, type FaultCriterion, type FaultMetrics } from './fault.ts';
import type { FaultCase } from './fault_case.ts';
import { within } from './within.ts';

const ROWS = 400_000;

const criteria: readonly FaultCriterion[] = [
  exactly('failed', 1, 'the statement under way fails'),
  atMost('failedMs', 5_000, 'ms', 'after'),
  exactly('reused', 0, 'the connection is used again'),
  exactly('laterErrors', 0, 'errors afterwards'),
  exactly('wrong', 0, 'wrong answers afterwards'),
];

const must = 'fail the statement, close the connection, and never use it again';

export const resetMidResult: Fault = {
  id: 'F18',
  name: 'reset-mid-result',
  happens: 'a connection is reset in the middle of a result',
  must,
  criteria,
  run: (bench) => brokenOff(bench, (proxy) => proxy.cutAll('reset')),
};

export const finMidMessage: Fault = {
  id: 'F18f',
  name: 'fin-mid-message',
  happens: 'a connection is closed in the middle of a message',
  must,
  criteria,
  run: (bench) => brokenOff(bench, (proxy) => proxy.set('fin-mid-message', { fresh: false })),
};

export const garbage: Fault = {
  id: 'F18g',
  name: 'garbage',
  happens: 'bytes of the answers are changed on the way, then no longer',
  must: 'answer each call all the same, and give right answers over connections that can be trusted afterwards',
  criteria: [
    exactly('unanswered', 0, 'calls without an answer after 5 s'),
    exactly('laterErrors', 0, 'errors afterwards'),
    exactly('wrong', 0, 'wrong answers afterwards'),
  ],
  async run(bench) {
    const { proxy, url } = await bench.proxy(await bench.database());
    const pool = await bench.open({ databaseUrl: url, max: 4, acquireTimeoutMs: 5_000 });
    await Promise.all([1, 2, 3, 4].map(() => pool.query('select pg_sleep(0.05)')));
    proxy.set('corrupt', {
      corruptEvery: 30,
      direction: 'to-client',
      fresh: false,
      seed: bench.seed,
    });
    const calls = Array.from({ length: 40 }, (_, i) =>
      answerOf(pool.query('select $1::int n', [i])),
    );
    let answered = 0;
    for (const call of calls) void call.then(() => answered++);
    await sleep(5_000);
    const unanswered = calls.length - answered;
    proxy.set('pass');
    // A connection that was thrown off its messages may take its next user down: that one is told.
    await within(4_000, Promise.all([1, 2, 3, 4].map(() => answerOf(pool.query('select 1')))));
    return { unanswered, ...(await afterwards(bench, pool.query.bind(pool))) };
  },
};

async function brokenOff(
  bench: FaultCase,
  cut: (proxy: FaultProxy) => void,
): Promise<FaultMetrics> {
  const { proxy, url } = await bench.proxy(await bench.database());
  const pool = await bench.open({ databaseUrl: url, max: 1, acquireTimeoutMs: 5_000 });
  const pid = async (): Promise<number> =>
    Number((await pool.query('select pg_backend_pid() pid'))[0]?.['pid']);
  const before = await pid();
  const bytes = proxy.bytesToClient;
  const call = answerOf(
    pool.query(`select n, repeat('x', 100) from generate_series(1, ${ROWS}) n`),
  );
  while (proxy.bytesToClient === bytes) await sleep(1);
  cut(proxy);
  const answer = await within(6_000, call);
  proxy.set('pass');
  const later = await afterwards(bench, pool.query.bind(pool));
  return {
    failed: answer?.error === undefined ? 0 : 1,
    failedMs: answer?.takenMs ?? Number.POSITIVE_INFINITY,
    reused: (await answerOf(pid())).value === before ? 1 : 0,
    ...later,
  };
}

async function afterwards(
  bench: FaultCase,
  query: (
    text: string,
    values: readonly unknown[],
  ) => Promise<readonly Readonly<Record<string, unknown>>[]>,
): Promise<{ laterErrors: number; wrong: number }> {
  let laterErrors = 0;
  let wrong = 0;
  for (let i = 0; i < 20; i++) {
    const n = Math.floor(bench.random() * 1e6);
    const answer = await within(1_000, answerOf(query('select $1::int n', [n])));
    if (answer === undefined || answer.error !== undefined) laterErrors++;
    else if (answer.value?.[0]?.['n'] !== n) wrong++;
    // A caller that gets no answer stands for all that would follow.
    if (answer === undefined) break;
  }
  return { laterErrors, wrong };
}
