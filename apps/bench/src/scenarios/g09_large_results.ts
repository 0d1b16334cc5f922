import type { Client } from 'pg';
import type { Scenario, Subject } from '../scenario/scenario.ts';

const ROWS = 1_000_000;
/** Eight columns as of a table of users, some 230 bytes a row. The server makes them as it sends them. */
const SELECT = `
  select i as id, 'user_' || i as name, md5(i::text) || md5((i + 1)::text) as token,
         timestamptz '2024-01-01' + i * interval '1 second' as created_at, (i * 17) % 1000 as score,
         i % 7 = 0 as active, jsonb_build_object('a', i, 'tags', array['x', 'y'], 'n', 'v' || i) as doc,
         round((i * 1.37)::numeric, 2) as amount
  from (select generate_series(1, ${ROWS}) as i) as series`;
const BUDGET_MB = 16;
const PORTION = 1000;
const MB = 2 ** 20;

export const largeResults: Scenario = {
  id: 'G9',
  name: 'large-results',
  group: 'guard',
  question: 'How much memory does a result of a million rows take?',
  target: 'in portions <= 0.2x of full buffering; ended by a budget of 16 MB <= 0.25x',
  needs: ['postgres'],
  takes: [],
  params: { callers: 1, connections: 1, warmupMs: 0, durationMs: 0 },
  limitMs: 120_000,
  roundMs: () => 6400,
  rounds: 5,
  criteria: [
    { metric: 'rssRiseMb', subject: 'fynlo portions', peer: 'pg', op: '<=', bound: 0.2 },
    { metric: 'rssRiseMb', subject: 'fynlo budget', peer: 'pg', op: '<=', bound: 0.25 },
  ],
  subjects: [
    subject('pg', 'client.query(), the whole result in memory', async (client, use) => {
      const { rows } = await client.query(SELECT);
      for (const row of rows) use(row);
    }),
    subject(
      'fynlo portions',
      `resultBudget({ maxRows: ${PORTION}, onExceed: 'cursor' })`,
      async (client, use) => {
        const { resultBudget } = await import('@fynlo/leak-guard');
        const budget = resultBudget({ maxRows: PORTION, onExceed: 'cursor' });
        const result = await budget.query(client, SELECT);
        for (const row of result.rows) use(row);
        for await (const portion of result.rest()) for (const row of portion) use(row);
      },
    ),
    subject(
      'fynlo budget',
      `resultBudget({ maxBytes: ${BUDGET_MB} MiB }): the statement is ended, its connection goes on`,
      async (client) => {
        const { resultBudget, ResultTooLargeError } = await import('@fynlo/leak-guard');
        const budget = resultBudget({ maxBytes: BUDGET_MB * MB });
        const outcome = await budget.query(client, SELECT).catch((error: unknown) => error);
        if (!(outcome instanceof ResultTooLargeError)) {
          throw new Error(`a result beyond its budget was not refused: ${String(outcome)}`);
        }
      },
      0,
    ),
  ],
};

/** @param wanted rows that must have been seen in the end */
function subject(
  name: string,
  settings: string,
  read: (client: Client, use: (row: unknown) => void) => Promise<void>,
  wanted: number = ROWS,
): Subject {
  return {
    name,
    settings,
    async round({ databaseUrl }) {
      const { default: pg } = await import('pg');
      const client = new pg.Client({ connectionString: databaseUrl });
      await client.connect();
      await client.query('select 1');
      const before = process.memoryUsage.rss();
      let peak = before;
      const look = (): void => {
        peak = Math.max(peak, process.memoryUsage.rss());
      };
      const looking = setInterval(look, 5);
      const begun = performance.now();
      let firstMs = Number.NaN;
      let rows = 0;
      await read(client, () => {
        if (rows++ === 0) firstMs = performance.now() - begun;
      });
      const totalMs = performance.now() - begun;
      look();
      clearInterval(looking);
      if (rows !== wanted) throw new Error(`${rows} rows came, ${wanted} were wanted`);
      const { rows: after } = await client.query('select 1 as one');
      if (after.length !== 1) throw new Error('the connection is of no use afterwards');
      await client.end();
      return {
        metrics: { rssRiseMb: (peak - before) / MB, totalMs },
        details: { ...(rows === 0 ? {} : { firstRowMs: firstMs }) },
      };
    },
  };
}
