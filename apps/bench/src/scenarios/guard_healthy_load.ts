import { setTimeout as sleep } from 'node:timers/promises';
import { type LeaseWatcher, THRESHOLD_MS } from '../subjects/lease_watchers.ts';
import { stubClient } from '../subjects/stub_client.ts';

/** One caller in this many acquires holds its connection for longer than the threshold, and then releases it. */
const LONG_HOLD_EVERY = 5000;
const LONG_HOLD_MS = 1.5 * THRESHOLD_MS;
/** Young garbage, so that the collector has work and the watcher's book-keeping is collected, too. */
const GARBAGE_EVERY = 100;
const LOOK_EVERY_MS = 1000;

export interface HealthyOutcome {
  /** Reports of leaks, of which there was none. */
  readonly alarms: number;
  readonly longHolds: number;
  readonly perSecond: number;
}

/** So many acquires that are all released, over stub clients; some are held for long on purpose. */
export async function healthyAcquires(
  kind: LeaseWatcher,
  callers: number,
  acquires: number,
): Promise<HealthyOutcome> {
  const Client = stubClient({ connectMs: 0, queryMs: 0 });
  const watched = await kind.open({ max: callers, Client } as never);
  const { pool } = watched;
  let started = 0;
  let longHolds = 0;
  let garbage: unknown[] = [];

  async function caller(): Promise<void> {
    while (started < acquires) {
      const i = started++;
      const client = await pool.connect();
      await client.query('select 1');
      if (i % GARBAGE_EVERY === 0) garbage = Array.from({ length: 50 }, (_, n) => ({ n, i }));
      if (i % LONG_HOLD_EVERY === 0) {
        longHolds++;
        await sleep(LONG_HOLD_MS);
        await client.query('select 1');
      }
      client.release();
      // A stub answers within the microtask: timers and the collector's callbacks want their turn as well.
      if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  let over = false;
  async function look(): Promise<void> {
    while (!over) {
      await sleep(LOOK_EVERY_MS);
      await watched.look();
    }
  }

  const looking = look();
  const begun = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  const elapsedMs = performance.now() - begun;
  over = true;
  await looking;
  if (garbage.length === 0) throw new Error('the load made no garbage');
  const alarms = watched.leaksTold();
  await watched.close();
  await pool.end();
  return { alarms, longHolds, perSecond: (started / elapsedMs) * 1000 };
}
