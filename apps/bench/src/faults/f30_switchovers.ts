import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { atMost, exactly, type Fault } from './fault.ts';
import type { FaultCase } from './fault_case.ts';
import { NAME } from './name_service.ts';
import type { ServerPair } from './server_pair.ts';
import { within } from './within.ts';
import { missing, pairWithLedger, Writers } from './writers.ts';

const MAX = 5;
/** A pool cannot know before it is told: what is lent, or answered, just then may still go wrong. */
const TOLD_MS = 1_000;

export const listedFailover: Fault = {
  id: 'F30',
  name: 'listed-failover',
  happens:
    'of two servers that the pool has a list of, the primary goes down, the standby is promoted, and the old primary comes back as its standby',
  must: 'write on with the new primary, never lend the old one to a writer, and lose nothing',
  criteria: [
    atMost('servedMs', 5_000, 'ms', 'first write after the promotion'),
    atMost('readOnly', MAX, '', 'writes refused as read-only (25006)'),
    exactly('readOnlyLater', 0, 'of them 1 s and more after the old one is back'),
    exactly('lost', 0, 'confirmed writes lost'),
  ],
  limitMs: { quick: 40_000, full: 40_000 },
  async run(bench) {
    const pair = await pairWithLedger(bench);
    const pool = await bench.open({
      databaseUrl: pair.url,
      servers: { hosts: pair.hosts, role: 'read-write' },
      max: MAX,
      acquireTimeoutMs: 10_000,
    });
    const writers = new Writers(pool, MAX);
    await sleep(500);
    const promotedAt = await pair.switchOver();
    const backAt = performance.now();
    await sleep(Math.max(TOLD_MS + 1_000, promotedAt + 5_000 - performance.now()));
    await within(5_000, writers.stop());
    return {
      servedMs: writers.firstAfter(promotedAt),
      readOnly: writers.readOnlyAt.length,
      readOnlyLater: writers.readOnlyAt.filter((at) => at > backAt + TOLD_MS).length,
      lost: await bench.administer(pair.urlOf(pair.primary), (client) => writers.lostOf(client)),
      errors: writers.errors,
    };
  },
};

export const staleName: Fault = {
  id: 'F31',
  name: 'stale-name',
  happens:
    'two servers change places, and for 2 s more their name leads to the old primary, which reads only by now',
  must: 'give no writer the old one once that is known, and write on when the name leads to the new one',
  criteria: [
    atMost('readOnly', MAX, '', 'writes refused as read-only (25006)'),
    atMost('servedMs', 5_000, 'ms', 'first write after the name leads to the new primary'),
    exactly('lost', 0, 'confirmed writes lost'),
  ],
  limitMs: { quick: 40_000, full: 40_000 },
  async run(bench) {
    const pair = await pairWithLedger(bench);
    const { names, two, url } = await underOneName(bench, pair);
    const pool = await bench.open({
      databaseUrl: url,
      writable: true,
      max: MAX,
      acquireTimeoutMs: 10_000,
    });
    const writers = new Writers(pool, MAX);
    await sleep(500);
    await pair.switchOver();
    await sleep(2_000);
    names.addresses = [two.host];
    const movedAt = performance.now();
    await sleep(5_000);
    await within(5_000, writers.stop());
    return {
      readOnly: writers.readOnlyAt.length,
      servedMs: writers.firstAfter(movedAt),
      lost: await bench.administer(pair.urlOf(pair.primary), (client) => writers.lostOf(client)),
      errors: writers.errors,
    };
  },
};

export const openTransactions: Fault = {
  id: 'F34',
  name: 'switchover-in-transactions',
  happens:
    'two servers change places under four transactions: two wait for the answer to their COMMIT, which is lost, two have not said it yet',
  must: 'tell each holder an error, say (where its errors promise to) which of them may have been committed, and work on with the new primary',
  criteria: [
    exactly('told', 4, 'of 4 holders told an error'),
    {
      ...exactly('flags', 4, 'errors that say rightly whether the COMMIT may have been executed'),
      optional: true,
    },
    exactly('committed', 2, 'transactions in the books, the two whose COMMIT had arrived'),
    atMost('servedMs', 5_000, 'ms', 'first write after the name leads to the new primary'),
  ],
  limitMs: { quick: 40_000, full: 40_000 },
  async run(bench) {
    const pair = await pairWithLedger(bench);
    const { names, one, two, url } = await underOneName(bench, pair);
    const pool = await bench.open({ databaseUrl: url, max: MAX, acquireTimeoutMs: 10_000 });
    const notes = ['sent 1', 'sent 2', 'open 1', 'open 2'];
    const inserted = notes.map(() => new Gate());
    const end = notes.map(() => new Gate());
    const answers = notes.map((note, i) =>
      answerOf(
        pool.transaction(async (query) => {
          await query('insert into ledger values ($1)', [note]);
          inserted[i]?.open();
          await end[i]?.opened;
        }),
      ),
    );
    await Promise.all(inserted.map(({ opened }) => opened));
    // What is said arrives, and its answer does not.
    one.set('blackhole-to-client');
    for (const gate of end.slice(0, 2)) gate.open();
    await sleep(300);
    const switched = pair.switchOver();
    await sleep(100);
    one.cutAll('reset');
    await switched;
    one.set('refuse');
    for (const gate of end.slice(2)) gate.open();
    const told = await Promise.all(answers.map((answer) => within(3_000, answer)));
    names.addresses = [two.host];
    const movedAt = performance.now();
    let servedMs = Number.POSITIVE_INFINITY;
    while (performance.now() - movedAt < 6_000 && servedMs === Number.POSITIVE_INFINITY) {
      const write = answerOf(pool.query(`insert into ledger values ('after')`));
      const answer = await within(3_000, write);
      if (answer !== undefined && answer.error === undefined)
        servedMs = performance.now() - movedAt;
      else await sleep(50);
    }
    const flags = told.map((answer) => flagOf(answer?.error));
    const { flagsExecuted = false } = bench.subject;
    if (!flagsExecuted)
      bench.note('its errors do not promise to say whether a statement may have been executed');
    return {
      told: told.filter((answer) => answer?.error !== undefined).length,
      // Whose COMMIT was not sent may be told any error that does not say so.
      ...(flagsExecuted
        ? { flags: flags.filter((flag, i) => (flag === true) === i < 2).length }
        : {}),
      committed:
        notes.length -
        (await bench.administer(pair.urlOf(pair.primary), (client) => missing(client, notes))),
      servedMs,
    };
  },
};

/** A name that leads to the primary for now; its address is to be changed to that of `two`, the standby's. */
async function underOneName(bench: FaultCase, pair: ServerPair) {
  const names = bench.names();
  // Two addresses, one port: to a pool they are the same name.
  const { proxy: one } = await bench.proxy(pair.url);
  const { proxy: two } = await bench.proxy(pair.urlOf(pair.standby), {
    host: '127.0.0.2',
    port: one.port,
  });
  names.addresses = [one.host];
  const url = new URL(one.url(pair.url));
  url.hostname = NAME;
  return { names, one, two, url: url.href };
}

class Gate {
  open: () => void = () => undefined;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

function flagOf(error: unknown): unknown {
  return (error as { maybeExecuted?: unknown } | undefined)?.maybeExecuted;
}
