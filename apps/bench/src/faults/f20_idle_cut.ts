import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { exactly, type Fault } from './fault.ts';
import { within } from './within.ts';

/** An AWS NAT gateway forgets what was idle for 350 s. */
const GATEWAY_MS = 350_000;
const HURRY = 175;
const NAT_MS = GATEWAY_MS / HURRY;
const CALLERS = 4;
const ALONE = 4;

export const idleCut: Fault = {
  id: 'F20',
  name: 'idle-cut',
  happens: `a device on the way forgets idle connections after 350 s and tells nobody (time 1 : ${HURRY}, that of the pools’ own idle handling as well)`,
  must: 'let nobody notice: check idle connections, or close them before',
  criteria: [
    exactly(
      'errors',
      0,
      `errors of ${ALONE} callers, one each 3.5 min, and of ${CALLERS} at once after them`,
    ),
    exactly('unanswered', 0, 'of them not answered within 1 s'),
  ],
  async run(bench) {
    const database = await bench.database();
    const nat = await bench.nat(database, NAT_MS);
    const pool = await bench.open({
      databaseUrl: nat.url(database),
      max: CALLERS,
      acquireTimeoutMs: 5_000,
      idleTimesBy: 1 / HURRY,
      warm: true,
    });
    const all = (): Promise<unknown>[] =>
      Array.from({ length: CALLERS }, () => pool.query('select pg_sleep(0.05)'));
    await Promise.all(all());
    const answers: ({ readonly error?: unknown } | undefined)[] = [];
    for (let i = 0; i < ALONE; i++) {
      await sleep(0.6 * NAT_MS);
      answers.push(await within(1_000, answerOf(pool.query('select 1'))));
    }
    answers.push(...(await Promise.all(all().map((call) => within(1_000, answerOf(call))))));
    bench.note(`connections that the device forgot: ${nat.forgotten}`);
    return {
      errors: answers.filter((answer) => answer?.error !== undefined).length,
      unanswered: answers.filter((answer) => answer === undefined).length,
    };
  },
};
