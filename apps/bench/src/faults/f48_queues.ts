import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { answerOf } from './error_causes.ts';
import { atMost, exactly, type Fault, NotApplicableError } from './fault.ts';

const SLICE_MS = 20;

export const cancelledWaiters: Fault = {
  id: 'F48',
  name: 'cancelled-waiters',
  happens:
    '20,000 (full: 100,000) callers wait for one connection, and nine of ten give up at their deadline',
  must: 'answer each in time, wake the ones that are left in order, and keep nothing of those that went',
  criteria: [
    exactly('refused', 1, 'all that gave up are told'),
    exactly('served', 1, 'all that are left are served'),
    atMost('heapMb', 20, 'MB', 'heap kept afterwards'),
  ],
  nodeFlags: ['--expose-gc'],
  limitMs: { quick: 60_000, full: 180_000 },
  async run(bench) {
    if (!bench.subject.keepsDeadlines) {
      throw new NotApplicableError('its acquires have no deadline and cannot be cancelled');
    }
    const count = bench.isFull ? 100_000 : 20_000;
    const deadlineMs = bench.isFull ? 6_000 : 2_000;
    const pool = await bench.open({
      databaseUrl: await bench.database(),
      max: 1,
      acquireTimeoutMs: deadlineMs,
    });
    await pool.query('select 1');
    const heap = heapMb();
    const held = await pool.acquire();
    // Within the time of a deadline: that many at once would only measure how fast errors are made.
    const leaving: Promise<{ readonly error?: unknown }>[] = [];
    const slices = deadlineMs / SLICE_MS;
    for (let slice = 1; slice <= slices; slice++) {
      while (leaving.length < (count * 0.9 * slice) / slices)
        leaving.push(answerOf(pool.acquire()));
      await sleep(SLICE_MS);
    }
    // The ones that stay come later by two thirds of a deadline, so that they outlive the others.
    await sleep((deadlineMs * 2) / 3);
    const staying = Array.from({ length: count * 0.1 }, () =>
      answerOf(pool.using(async () => undefined)),
    );
    const gone = await Promise.all(leaving);
    await held.release();
    const rest = await Promise.all(staying);
    leaving.length = 0;
    staying.length = 0;
    const refused = gone.every(({ error }) => error !== undefined);
    const served = rest.every(({ error }) => error === undefined);
    gone.length = 0;
    rest.length = 0;
    await turn();
    return { refused: Number(refused), served: Number(served), heapMb: heapMb() - heap };
  },
};

export const queueOrder: Fault = {
  id: 'F49',
  name: 'queue-order',
  happens:
    '10,000 callers queue for one connection; another gives it back and asks for it again without a pause',
  must: 'serve strictly in the order of asking, so that nobody starves (MagicStack/asyncpg#1247)',
  criteria: [
    exactly('outOfOrder', 0, 'callers served before one who asked earlier'),
    exactly('overtaken', 0, 'turns of the one without a pause while others waited'),
  ],
  limitMs: { quick: 60_000, full: 60_000 },
  async run(bench) {
    const pool = await bench.open({
      databaseUrl: await bench.database(),
      max: 1,
      acquireTimeoutMs: 30_000,
    });
    await pool.query('select 1');
    const held = await pool.acquire();
    let outOfOrder = 0;
    let last = -1;
    const queue = Array.from({ length: 10_000 }, async (_, i) => {
      const client = await pool.acquire();
      if (i < last) outOfOrder++;
      last = Math.max(last, i);
      await client.release();
    });
    let overtaken = 0;
    let waiting = queue.length;
    for (const one of queue) void one.then(() => waiting--);
    await held.release();
    while (waiting > 0) {
      const client = await pool.acquire();
      if (waiting > 0) overtaken++;
      await client.release();
    }
    await Promise.all(queue);
    // The one turn it gets with others waiting is that of the last of them, whose news is still on its way.
    return { outOfOrder, overtaken: Math.max(0, overtaken - 1) };
  },
};

function heapMb(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
}
