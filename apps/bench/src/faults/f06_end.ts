import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { atMost, exactly, type Fault } from './fault.ts';
import { within } from './within.ts';

const GRACE_MS = 500;

export const endUnderway: Fault = {
  id: 'F06',
  name: 'end',
  happens: 'the pool is ended while clients are lent and callers wait',
  must: 'refuse the waiting and the coming, let holders finish, end when they have; with a grace, end without them',
  criteria: [
    atMost('waitersMs', 250, 'ms', 'waiting callers refused after'),
    exactly('holderErrors', 0, 'errors of holders that go on'),
    exactly('lateRefused', 1, 'a call after end() is refused'),
    atMost('endMs', 1_000, 'ms', 'ended after the last release'),
    exactly('secondSettled', 1, 'a second end() is answered'),
    atMost(
      'graceMs',
      GRACE_MS + 1_500,
      'ms',
      `ended without a lost client, asked to within ${GRACE_MS} ms`,
    ),
  ],
  async run(bench) {
    const databaseUrl = await bench.database();
    const options = { databaseUrl, max: 2, acquireTimeoutMs: 10_000 };
    const pool = await bench.open(options);
    const held = await Promise.all([pool.acquire(), pool.acquire()]);
    const endedAt = performance.now();
    let waitersMs = Number.POSITIVE_INFINITY;
    let refused = 0;
    // Whoever is served in spite of the end gives back at once.
    const waiters = [1, 2].map(() =>
      pool.acquire().then(
        (client) => client.release(),
        () => {
          refused++;
          if (refused === 2) waitersMs = performance.now() - endedAt;
        },
      ),
    );
    const end = pool.end();
    // A second end may be an error, it may not be for ever.
    const second = end.then(() => answerOf(Promise.resolve().then(() => pool.end())));
    const late = await within(500, answerOf(pool.acquire()));
    const answers = await Promise.all(held.map((client) => answerOf(client.query('select 1'))));
    await sleep(200);
    const releasedAt = performance.now();
    for (const client of held) await client.release();
    const ended = await within(
      3_000,
      end.then(() => true),
      false,
    );
    const endMs = ended ? performance.now() - releasedAt : Number.POSITIVE_INFINITY;
    const secondSettled = (await within(1_000, second)) !== undefined;
    if (ended) await Promise.all(waiters);

    const other = await bench.open(options);
    await other.acquire();
    const from = performance.now();
    const grace = await within(4_000, answerOf(other.endWithin(GRACE_MS)));
    return {
      waitersMs,
      holderErrors: answers.filter(({ error }) => error !== undefined).length,
      lateRefused: late?.error === undefined ? 0 : 1,
      endMs,
      secondSettled: secondSettled ? 1 : 0,
      graceMs: grace === undefined ? Number.POSITIVE_INFINITY : performance.now() - from,
    };
  },
};
