import type { Scenario } from '../scenario/scenario.ts';
import { stubFynloPool, stubPgPool } from '../subjects/stub_pools.ts';

const WARM = 5;
const CONNECT_MS = 150;
const QUERY_MS = 2;

export const hikariSpike: Scenario = {
  id: 'P9',
  name: 'hikari-spike',
  group: 'pool',
  question:
    "Does a pool of five warm connections answer HikariCP's spike of 50 without opening 45 more?",
  target: '<= 40 ms, <= 7 connections',
  needs: [],
  takes: ['callers', 'connections'],
  params: { callers: 50, connections: 50, warmupMs: 0, durationMs: 0 },
  roundMs: () => 600,
  rounds: 5,
  criteria: [
    { metric: 'totalMs', subject: 'fynlo', op: '<=', bound: 40 },
    { metric: 'connectionsOpened', subject: 'fynlo', op: '<=', bound: 7 },
  ],
  subjects: [stubFynloPool, stubPgPool].map(({ name, settings, open }) => ({
    name,
    settings: `${settings}; ${WARM} warm, a connect takes ${CONNECT_MS} ms, a query ${QUERY_MS} ms`,
    async round({ params }) {
      const { pool, client, warm } = await open(
        { connectMs: CONNECT_MS, queryMs: QUERY_MS },
        { min: WARM, max: params.connections },
      );
      await warm();
      // A pool learns what a query costs from the ones before; every service has had some.
      for (let i = 0; i < 20; i++) await pool.query('select 1');
      const begun = performance.now();
      await Promise.all(
        Array.from({ length: params.callers }, async () => {
          const connection = await pool.connect();
          await connection.query('select 1');
          connection.release();
        }),
      );
      const totalMs = performance.now() - begun;
      // Connects that nobody waited for in the end still count: let them all begin and end.
      await new Promise((resolve) => setTimeout(resolve, 2 * CONNECT_MS));
      const connectionsOpened = client.made;
      await pool.end();
      return { metrics: { totalMs, connectionsOpened } };
    },
  })),
};
