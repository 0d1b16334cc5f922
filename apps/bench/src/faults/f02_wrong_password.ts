import { setTimeout as sleep } from 'node:timers/promises';
import { Callers } from './callers.ts';
import { answerOf, tells } from './error_causes.ts';
import { atMost, exactly, type Fault } from './fault.ts';

const WATCH_MS = 3_000;

export const wrongPassword: Fault = {
  id: 'F02',
  name: 'wrong-password',
  happens: 'the server refuses the password, then gets the one the pool has',
  must: 'tell all callers at once with the server’s words, not try again and again, recover without a restart',
  criteria: [
    atMost('answeredMs', 200, 'ms', 'last of 20 callers told after'),
    exactly('namesCause', 20, 'callers told 28P01'),
    atMost('attemptsPerSecond', 1.4, '/s', 'connects while four callers go on asking'),
    atMost('servedMs', 1_500, 'ms', 'first success after the password is right'),
  ],
  async run(bench) {
    // Of its own: a shared one may trust everybody.
    const { url: database } = await bench.server({ auth: 'scram-sha-256' });
    const { role, url } = await bench.role(database);
    const { proxy, url: proxied } = await bench.proxy(url);
    const wrong = new URL(proxied);
    wrong.password = 'wrong';
    const pool = await bench.open({ databaseUrl: wrong.href, max: 5, acquireTimeoutMs: 3_000 });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => answerOf(pool.query('select 1'))),
    );
    const from = performance.now();
    const callers = new Callers(pool, { callers: 4 });
    await sleep(WATCH_MS);
    const attempts = bench.sockets.attempts(proxy.port, from);
    await bench.administer(database, (client) =>
      client.query(`alter role ${role.name} password 'wrong'`),
    );
    const rightAt = performance.now();
    await sleep(2_000);
    const servedMs = callers.firstServedAfter(rightAt);
    await callers.stop();
    return {
      answeredMs: Math.max(...answers.map(({ takenMs }) => takenMs)),
      namesCause: answers.filter(({ error }) => tells(error, '28P01')).length,
      attemptsPerSecond: attempts / (WATCH_MS / 1_000),
      servedMs,
      errors: callers.errors.length,
    };
  },
};
