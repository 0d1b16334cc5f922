import { setTimeout as sleep } from 'node:timers/promises';
import { Callers } from './callers.ts';
import { atLeast, exactly, type Fault } from './fault.ts';

const MAX = 4;

export const slowNetwork: Fault = {
  id: 'F19',
  name: 'slow-network',
  happens: 'every packet takes 200 ms ± 100 each way for 6 s',
  must: 'take it for what it is: no error, no connection given up',
  criteria: [
    exactly('errors', 0, 'callers told an error'),
    exactly('reconnects', 0, 'connects begun'),
    atLeast('served', 20, '', 'callers served'),
  ],
  async run(bench) {
    const { proxy, url } = await bench.proxy(await bench.database());
    const pool = await bench.open({ databaseUrl: url, max: MAX, acquireTimeoutMs: 5_000 });
    await Promise.all(Array.from({ length: MAX }, () => pool.query('select pg_sleep(0.1)')));
    proxy.set('delay', { delayMs: 200, jitterMs: 100, seed: bench.seed });
    const from = performance.now();
    const callers = new Callers(pool, { callers: 8 });
    await sleep(6_000);
    const metrics = {
      errors: callers.errors.length,
      reconnects: bench.sockets.attempts(proxy.port, from),
      served: callers.served,
    };
    await callers.stop(5_000);
    return metrics;
  },
};
