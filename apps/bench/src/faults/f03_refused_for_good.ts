import { setTimeout as sleep } from 'node:timers/promises';
import { Callers } from './callers.ts';
import { answerOf, tells } from './error_causes.ts';
import { atMost, exactly, type Fault, type FaultMetrics } from './fault.ts';
import type { FaultCase } from './fault_case.ts';
import type { FaultPoolOptions } from './fault_subject.ts';

const WATCH_MS = 2_000;
/** The request for TLS, before anything else is said. */
const SSL_REQUEST_BYTES = 8;

export const missingDatabase: Fault = {
  id: 'F03',
  name: 'missing-database',
  happens: 'the database does not exist',
  must: 'tell all callers at once with the server’s words, and not try again and again',
  criteria: [
    atMost('answeredMs', 200, 'ms', 'last of 20 callers told after'),
    exactly('namesCause', 20, 'callers told 3D000'),
    atMost('attemptsPerSecond', 1.5, '/s', 'connects while four callers go on asking'),
  ],
  async run(bench) {
    const database = await bench.database();
    const { proxy, url } = await bench.proxy(database);
    const missing = new URL(url);
    missing.pathname += '_missing';
    const options = { databaseUrl: missing.href, max: 5, acquireTimeoutMs: 3_000 };
    return refused(bench, options, proxy.port, '3D000');
  },
};

export const tlsUnsupported: Fault = {
  id: 'F03t',
  name: 'tls-unsupported',
  happens: 'TLS is required, and the server has none',
  must: 'tell all callers at once, not try again and again, and never go on in plain text',
  criteria: [
    atMost('answeredMs', 200, 'ms', 'last of 20 callers told after'),
    exactly('namesCause', 20, 'callers told of SSL'),
    atMost('attemptsPerSecond', 1.5, '/s', 'connects while four callers go on asking'),
    exactly('plainBytes', 0, 'bytes sent in plain text'),
  ],
  async run(bench) {
    const { proxy, url } = await bench.proxy(await bench.database());
    const options = { databaseUrl: url, max: 5, acquireTimeoutMs: 3_000, tls: true };
    const metrics = await refused(bench, options, proxy.port, 'SSL');
    return {
      ...metrics,
      plainBytes: Math.max(0, proxy.bytesToServer - SSL_REQUEST_BYTES * proxy.accepted),
    };
  },
};

async function refused(
  bench: FaultCase,
  options: FaultPoolOptions,
  port: number,
  word: string,
): Promise<FaultMetrics> {
  const pool = await bench.open(options);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => answerOf(pool.query('select 1'))),
  );
  const from = performance.now();
  const callers = new Callers(pool, { callers: 4 });
  await sleep(WATCH_MS);
  const attempts = bench.sockets.attempts(port, from);
  await callers.stop();
  return {
    answeredMs: Math.max(...answers.map(({ takenMs }) => takenMs)),
    namesCause: answers.filter(({ error }) => tells(error, word)).length,
    attemptsPerSecond: attempts / (WATCH_MS / 1_000),
    errors: callers.errors.length,
  };
}
