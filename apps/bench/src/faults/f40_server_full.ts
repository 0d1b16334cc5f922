import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Callers } from './callers.ts';
import { atLeast, atMost, exactly, type Fault } from './fault.ts';

/** Three are the superuser's. */
const MAX_CONNECTIONS = 10;
const OTHERS = 5;
const MAX = 6;
const WORK = 'select 1 from pg_sleep(0.01)';

export const serverFull: Fault = {
  id: 'F40',
  name: 'server-full',
  happens:
    'others have all but two of the server’s connections (53300), and give them back after 3 s',
  must: 'serve everybody over the two, ask for more now and then, grow once there is room',
  criteria: [
    exactly('errors', 0, 'callers told an error'),
    atLeast('served', 100, '', 'callers served meanwhile'),
    atMost('attemptsPerSecond', 5, '/s', 'connects begun in vain'),
    atLeast('grown', 3, '', 'connections 4 s after there is room'),
  ],
  async run(bench) {
    const { url } = await bench.server({ maxConnections: MAX_CONNECTIONS });
    const { url: own } = await bench.role(url);
    const others = Array.from({ length: OTHERS }, () => new pg.Client({ connectionString: own }));
    await Promise.all(others.map((client) => client.connect()));
    const { proxy, url: proxied } = await bench.proxy(own);
    const pool = await bench.open({ databaseUrl: proxied, max: MAX, acquireTimeoutMs: 5_000 });
    const callers = new Callers(pool, { callers: 12, text: WORK });
    // What is learned in the first second is not yet in vain.
    await sleep(1_000);
    const from = performance.now();
    await sleep(2_000);
    const attempts = bench.sockets.attempts(proxy.port, from);
    const { served } = callers;
    await Promise.all(others.map((client) => client.end()));
    await sleep(4_000);
    const grown = (await bench.backends(url)).length;
    const errors = callers.errors.length;
    await callers.stop();
    return { errors, served, attemptsPerSecond: attempts / 2, grown };
  },
};

export const roleLimit: Fault = {
  id: 'F41',
  name: 'role-limit',
  happens: 'the role may have two connections, the pool would have six',
  must: 'serve everybody over the two, and ask for more only now and then',
  criteria: [
    exactly('errors', 0, 'callers told an error'),
    atLeast('served', 100, '', 'callers served in 3 s'),
    atMost('attemptsPerSecond', 5, '/s', 'connects begun in vain'),
  ],
  async run(bench) {
    const database = await bench.database();
    const { url: own } = await bench.role(database, 'connection limit 2');
    const { proxy, url } = await bench.proxy(own);
    const pool = await bench.open({ databaseUrl: url, max: MAX, acquireTimeoutMs: 5_000 });
    const callers = new Callers(pool, { callers: 12, text: WORK });
    await sleep(1_000);
    const from = performance.now();
    await sleep(2_000);
    const metrics = {
      errors: callers.errors.length,
      served: callers.served,
      attemptsPerSecond: bench.sockets.attempts(proxy.port, from) / 2,
    };
    await callers.stop();
    return metrics;
  },
};
