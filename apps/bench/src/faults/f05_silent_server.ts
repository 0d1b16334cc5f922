import { setTimeout as sleep } from 'node:timers/promises';
import { Callers } from './callers.ts';
import { atMost, exactly, type Fault } from './fault.ts';

const CONNECT_MS = 1_000;

export const silentServer: Fault = {
  id: 'F05',
  name: 'silent-server',
  happens: 'connects are accepted and never answered, later they are',
  must: 'give up each connect at its own limit, and go on connecting (brettwooldridge/HikariCP#2186)',
  criteria: [
    atMost('offByMs', 50, 'ms', 'a connect is given up off its limit by'),
    atMost('servedMs', 2_500, 'ms', 'first success once the server answers'),
    exactly('unserved', 0, 'callers still unserved 3 s later'),
  ],
  async run(bench) {
    const { proxy, url } = await bench.proxy(await bench.database());
    proxy.set('accept-silent');
    const pool = await bench.open({
      databaseUrl: url,
      max: 5,
      acquireTimeoutMs: 4_000,
      connectTimeoutMs: CONNECT_MS,
    });
    const callers = new Callers(pool, { callers: 8 });
    await sleep(2_600);
    // What is under way stays silent; what comes now is answered.
    proxy.set('pass', { existing: false });
    const answersAt = performance.now();
    await sleep(3_000);
    const given = bench.sockets.sockets
      .filter(({ port, begunAt }) => port === proxy.port && begunAt < answersAt - CONNECT_MS - 200)
      .map(({ begunAt, closedAt }) => Math.abs(closedAt - begunAt - CONNECT_MS));
    const metrics = {
      offByMs: given.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...given),
      servedMs: callers.firstServedAfter(answersAt),
      unserved: callers.unservedSince(answersAt),
      errors: callers.errors.length,
      connects: bench.sockets.attempts(proxy.port, 0, answersAt),
    };
    await callers.stop();
    return metrics;
  },
};
