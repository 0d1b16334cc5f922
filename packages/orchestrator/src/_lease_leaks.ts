import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { LeakedLease, MemoryLeakPrevention } from '@fynlo/leak-guard';
import type { Pool } from '@fynlo/pool-core';
import pg from 'pg';
import type { LeasePhase, ObjectPhase } from './memory_result.ts';
import type { RunContext } from './run_context.ts';

/** Checks the bookkeeping by the bug itself: leases are taken and forgotten, some inside a transaction. */
export async function runLeaseLeaks(
  context: RunContext,
  pool: Pool,
  guard: MemoryLeakPrevention,
): Promise<LeasePhase> {
  const { droppedLeases, droppedInTransaction, heldLeases } = context.profile.memory;
  const holders = [];
  for (let i = 0; i < heldLeases; i++) {
    holders.push(await pool.getConnection({ label: 'held on purpose' }));
  }
  const heldIds = new Set(holders.map((lease) => lease.id));
  let lastReclaimAt = 0;
  const unwatch = guard.on('reclaimed', () => {
    lastReclaimAt = performance.now();
  });
  try {
    for (let i = 0; i < droppedLeases; i++) {
      await dropLease(pool, i < droppedInTransaction ? lockRow(context, i + 1) : undefined);
    }
    const droppedAt = performance.now();
    // Longer than the threshold, so that those held on purpose are looked into as well.
    await sleep(context.profile.memory.thresholdMs * 2, undefined, { signal: context.signal });
    const deadline = performance.now() + 10_000;
    let report = await guard.checkForLeaks();
    while (
      (found(report.leakedLeases) < droppedLeases || pool.stats().leased > heldLeases) &&
      performance.now() < deadline
    ) {
      await sleep(100, undefined, { signal: context.signal });
      report = await guard.checkForLeaks();
    }
    let heldStillWorking = 0;
    for (const lease of holders) {
      const answer = await lease.connection.query('select 1 as one').catch(() => undefined);
      if (answer?.rows[0]?.one === 1) heldStillWorking++;
    }
    const leaks = report.leakedLeases;
    return {
      dropped: droppedLeases,
      droppedInTransaction,
      found: found(leaks),
      named: found(leaks.filter((leak) => leak.site?.includes(THIS_FILE) === true)),
      reclaimed: guard.getMemoryStats().reclaimedLeases,
      stillLost: pool.stats().leased - heldLeases,
      tookMs: Math.max(0, lastReclaimAt - droppedAt),
      locksFreed: await lockable(context, droppedInTransaction),
      held: heldLeases,
      heldStillWorking,
      heldCalledLeaked: leaks.filter((leak) => heldIds.has(leak.leaseId)).length,
      leaks,
    };
  } finally {
    unwatch();
    for (const lease of holders) await lease.release();
  }
}

const THIS_FILE = basename(fileURLToPath(import.meta.url));

/** The bug: the lease is reachable from nowhere once this function has returned. */
async function dropLease(pool: Pool, statement: string | undefined): Promise<void> {
  const lease = await pool.getConnection();
  await lease.connection.query(statement ?? 'select 1');
}

/** A transaction that locks one row and never ends. */
function lockRow({ table }: RunContext, id: number): string {
  return `begin; select id from ${table.name} where id = ${id} for update`;
}

/** How many of the rows locked by the dropped transactions another session can lock now. */
async function lockable({ databaseUrl, table }: RunContext, rows: number): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'fynlo-memory' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const answer = await client.query(
      `select id from ${table.name} where id <= $1 for update skip locked`,
      [rows],
    );
    return answer.rows.length;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Leaks from one place are one entry with a count. */
function found(leaks: readonly LeakedLease[]): number {
  return leaks.reduce((sum, leak) => sum + leak.occurrences, 0);
}

/** Half of the tracked objects are closed as they should be, the others forgotten. */
export async function runObjectLeaks(
  context: RunContext,
  guard: MemoryLeakPrevention,
): Promise<ObjectPhase> {
  const { droppedObjects } = context.profile.memory;
  dropObjects(guard, droppedObjects);
  for (let i = 0; i < droppedObjects; i++) {
    guard.track({ rows: new Array(100).fill(i) }, 'result-set').close();
  }
  // The stack of this function may still hold the last one; a turn of the event loop lets it go.
  await sleep(1, undefined, { signal: context.signal });
  const { trackedLost } = await guard.checkForLeaks();
  return {
    dropped: droppedObjects,
    closed: droppedObjects,
    found: trackedLost.reduce((sum, lost) => sum + lost.occurrences, 0),
    lost: trackedLost,
  };
}

function dropObjects(guard: MemoryLeakPrevention, count: number): void {
  for (let i = 0; i < count; i++) guard.track({ rows: new Array(100).fill(i) }, 'result-set');
}
