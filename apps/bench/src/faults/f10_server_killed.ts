import { setTimeout as sleep } from 'node:timers/promises';
import { Callers } from './callers.ts';
import { atMost, exactly, type Fault } from './fault.ts';

const CALLERS = 32;
const MAX = 10;

export const serverKilled: Fault = {
  id: 'F10',
  name: 'server-killed',
  happens: 'the server is killed under 32 callers, and comes back after 2 s',
  must: 'fail only what was under way, keep the rest waiting, knock gently, and serve at once when it is back',
  criteria: [
    atMost('errors', MAX, '', 'callers told an error'),
    atMost('connects', 30, '', 'connects begun while it was down'),
    atMost('connectsBack', 2 * MAX, '', 'connects begun in the first second after'),
    atMost('servedMs', 5_000, 'ms', 'first success after it is back'),
    exactly('unserved', 0, 'callers unserved 3 s after it is back'),
  ],
  async run(bench) {
    const { server, url } = await bench.server();
    const { proxy, url: proxied } = await bench.proxy(url);
    const pool = await bench.open({ databaseUrl: proxied, max: MAX, acquireTimeoutMs: 10_000 });
    const callers = new Callers(pool, { callers: CALLERS });
    await sleep(500);
    callers.errors.length = 0;
    const killedAt = performance.now();
    // A dead server's port refuses; the proxy's would accept first.
    proxy.set('refuse', { existing: false });
    await server.kill();
    await sleep(2_000);
    await server.restart();
    proxy.set('pass');
    const backAt = performance.now();
    await sleep(3_000);
    const metrics = {
      errors: callers.errors.length,
      connects: bench.sockets.attempts(proxy.port, killedAt, backAt),
      connectsBack: bench.sockets.attempts(proxy.port, backAt, backAt + 1_000),
      servedMs: callers.firstServedAfter(backAt),
      unserved: callers.unservedSince(backAt),
    };
    await callers.stop();
    return metrics;
  },
};
