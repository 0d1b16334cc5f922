import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { atMost, exactly, type Fault } from './fault.ts';
import { within } from './within.ts';

const CALLS = 400;
const FAILING = 10;

export const sharedConnections: Fault = {
  id: 'F75',
  name: 'shared-connections',
  happens:
    'statements that share pipelined connections: one in ten fails by itself; then the connections are reset under 400 inserts',
  must: 'let no error reach a neighbour, answer each call once, and execute nothing twice',
  criteria: [
    exactly('neighbours', 0, 'sound statements that failed, or were answered wrongly'),
    exactly('unanswered', 0, 'inserts without an answer'),
    exactly('twice', 0, 'inserts executed twice'),
    exactly('lost', 0, 'inserts that were confirmed and are not there'),
    atMost('servedMs', 2_000, 'ms', 'a statement afterwards served after'),
  ],
  async run(bench) {
    const database = await bench.database();
    await bench.administer(database, (client) => client.query('create table once (n int)'));
    const { proxy, url } = await bench.proxy(database);
    const pool = await bench.open({
      databaseUrl: url,
      max: 2,
      acquireTimeoutMs: 5_000,
      pipelining: true,
    });
    const answers = await Promise.all(
      Array.from({ length: CALLS }, async (_, n) => {
        const fails = n % FAILING === 0;
        const answer = await answerOf(
          pool.query(fails ? 'select 1 / (0 * $1::int) as n' : 'select $1::int as n', [n]),
        );
        const right = fails ? answer.error !== undefined : answer.value?.[0]?.['n'] === n;
        return right;
      }),
    );
    // Spread over half a second, so that some are under way whenever the cut comes.
    const confirmed: number[] = [];
    let answered = 0;
    const inserts = Array.from({ length: CALLS }, async (_, n) => {
      await sleep(bench.random() * 500);
      const { error } = await answerOf(pool.query('insert into once values ($1::int)', [n]));
      answered++;
      if (error === undefined) confirmed.push(n);
    });
    await sleep(250);
    proxy.cutAll('reset');
    await within(6_000, Promise.all(inserts));
    const after = await within(4_000, answerOf(pool.query('select 1')));
    const counts = await bench.administer(database, async (client) => {
      const { rows } = await client.query<{ n: number; times: number }>(
        'select n, count(*)::int as times from once group by n',
      );
      return new Map(rows.map(({ n, times }) => [n, times]));
    });
    return {
      neighbours: answers.filter((right) => !right).length,
      unanswered: CALLS - answered,
      twice: [...counts.values()].filter((times) => times > 1).length,
      lost: confirmed.filter((n) => !counts.has(n)).length,
      servedMs:
        after === undefined || after.error !== undefined ? Number.POSITIVE_INFINITY : after.takenMs,
      errors: CALLS - confirmed.length,
    };
  },
};
