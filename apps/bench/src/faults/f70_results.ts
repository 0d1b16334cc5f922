import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { atMost, exactly, type Fault } from './fault.ts';
import { within } from './within.ts';

const ROW_BYTES = 1_000;
const BATCH = 1_000;

export const hugeResult: Fault = {
  id: 'F70',
  name: 'huge-result',
  happens: 'a result of 100 MB (full: 1 GB) is read in batches by a slow reader',
  must: 'keep no more of it in memory than the reader asked for',
  criteria: [
    exactly('missing', 0, 'rows missing'),
    atMost('rssMb', 100, 'MB', 'resident memory grown by at most'),
  ],
  limitMs: { quick: 30_000, full: 180_000 },
  async run(bench) {
    const rows = bench.isFull ? 1_000_000 : 100_000;
    const pool = await bench.open({
      databaseUrl: await bench.database(),
      max: 2,
      acquireTimeoutMs: 5_000,
    });
    await pool.query('select 1');
    const before = process.memoryUsage.rss();
    let seen = 0;
    let peak = before;
    await pool.using(async (client) => {
      const text = `select n, repeat('x', ${ROW_BYTES}) x from generate_series(1, ${rows}) n`;
      for await (const batch of client.batches(text, BATCH)) {
        seen += batch.length;
        peak = Math.max(peak, process.memoryUsage.rss());
        if (seen % (10 * BATCH) === 0) await sleep(20);
      }
    });
    return { missing: rows - seen, rssMb: (peak - before) / 2 ** 20 };
  },
};

export const abortedCopies: Fault = {
  id: 'F71',
  name: 'aborted-copies',
  happens:
    'a COPY into a table and one out of it are given up half-way, and their clients given back',
  must: 'keep nothing of the first, and serve the next user soon',
  criteria: [
    exactly('nextErrors', 0, 'errors of the next users'),
    atMost('nextMs', 3_000, 'ms', 'a next user served after'),
    exactly('kept', 0, 'rows of the abandoned COPY that were kept'),
  ],
  async run(bench) {
    const url = await bench.database();
    await bench.administer(url, (client) =>
      client.query('create table copied as select 0 as n from generate_series(1, 300000)'),
    );
    const pool = await bench.open({ databaseUrl: url, max: 1, acquireTimeoutMs: 4_000 });
    const next = { errors: 0, ms: 0 };
    async function askNext(): Promise<void> {
      const answer = await within(6_000, answerOf(pool.query('select 1')));
      if (answer?.error !== undefined || answer === undefined) next.errors++;
      next.ms = Math.max(next.ms, answer?.takenMs ?? Number.POSITIVE_INFINITY);
    }
    const writer = await pool.acquire();
    const sink = await writer.copyIn('copy copied from stdin');
    sink.on('error', () => undefined);
    await new Promise((resolve) => sink.write('1\n'.repeat(50_000), resolve));
    sink.destroy();
    await writer.release();
    await askNext();

    const reader = await within(4_000, pool.acquire());
    if (reader !== undefined) {
      const source = await reader.copyOut('copy copied to stdout');
      source.on('error', () => undefined);
      await new Promise((resolve) => source.once('data', resolve));
      source.destroy();
      await reader.release();
      await askNext();
    }
    const kept = await bench.administer(url, async (client) => {
      const { rows } = await client.query('select 1 from copied where n = 1 limit 1');
      return rows.length;
    });
    return { nextErrors: next.errors, nextMs: next.ms, kept };
  },
};

export const openCursor: Fault = {
  id: 'F72',
  name: 'open-cursor',
  happens: 'a client comes back with a cursor that was read half-way and not closed',
  must: 'serve the next user soon, and with its own answer',
  criteria: [
    atMost('nextMs', 2_500, 'ms', 'the next user served after'),
    exactly('wrong', 0, 'wrong answers'),
  ],
  async run(bench) {
    const pool = await bench.open({
      databaseUrl: await bench.database(),
      max: 1,
      acquireTimeoutMs: 5_000,
    });
    const client = await pool.acquire();
    const batches = client.batches('select n from generate_series(1, 10000) n', 10);
    await batches.next();
    await client.release();
    const answer = await within(6_000, answerOf(pool.query('select 42 as n')));
    const served = answer !== undefined && answer.error === undefined;
    return {
      nextMs: served ? answer.takenMs : Number.POSITIVE_INFINITY,
      wrong: served && answer.value?.[0]?.['n'] !== 42 ? 1 : 0,
    };
  },
};

export const noticeFlood: Fault = {
  id: 'F73',
  name: 'notice-flood',
  happens: 'a statement raises 50,000 notices while others work',
  must: 'take them and go on',
  criteria: [
    exactly('errors', 0, 'errors of anybody'),
    atMost('rssMb', 100, 'MB', 'resident memory grown by at most'),
  ],
  async run(bench) {
    const pool = await bench.open({
      databaseUrl: await bench.database(),
      max: 4,
      acquireTimeoutMs: 5_000,
    });
    await pool.query('select 1');
    const before = process.memoryUsage.rss();
    const flood = `do $$ begin for i in 1..50000 loop raise notice 'notice % %', i, repeat('x', 100); end loop; end $$`;
    const answers = await Promise.all([
      answerOf(pool.query(flood)),
      ...Array.from({ length: 50 }, () => answerOf(pool.query('select pg_sleep(0.005)'))),
    ]);
    return {
      errors: answers.filter(({ error }) => error !== undefined).length,
      rssMb: (process.memoryUsage.rss() - before) / 2 ** 20,
    };
  },
};
