/**
 * A closer look at what stands between a pool and its server, over connections of its own.
 */
import type pg from 'pg';
import { insideOf } from './_pg_client_inside.ts';
import { NAME_KEPT, type PoolerLook } from './_pg_pooler_policy.ts';
import type { Clock } from './clock.ts';

/** The look ends then, with what was seen: behind a pooler that is full a connection may wait for minutes. */
const LOOK_MS = 3_000;
/** A server connection given back comes back at once where the pooler is idle; where it is busy, others do. */
const ROUNDS = 3;

/** The same text always: what a pooler that keeps named statements remembers of it is one entry. */
const WHAT_NAME =
  'select name, session_user as "user" from pg_catalog.pg_prepared_statements where statement = $1';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface LookParts {
  readonly clock: Clock;
  /** A client that is not connected yet, with these options beyond the pool's. */
  newClient(options?: { readonly options: string }): pg.Client;
}

/** Two connections, and a third that PgBouncer refuses; never rejects. */
export async function lookAtPooler(parts: LookParts): Promise<PoolerLook> {
  const seen: Mutable<PoolerLook> = {};
  const opened: pg.Client[] = [];
  let over = false;
  const open = async (options?: { readonly options: string }): Promise<pg.Client> => {
    if (over) throw new Error('the look is over');
    const client = parts.newClient(options);
    client.on('error', () => {});
    opened.push(client);
    await client.connect();
    return client;
  };
  const timer = parts.clock.setTimeout(() => {
    over = true;
    for (const client of opened) insideOf(client).connection?.stream?.destroy?.();
  }, LOOK_MS);
  try {
    const first = await lookAtNames(await open(), seen);
    if (seen.statementName === undefined || seen.statementName === NAME_KEPT) {
      seen.speaksAsPgBouncer = await isRefusedAsByPgBouncer(open);
    }
    if (first !== undefined) seen.sharesBackends = await sharesBackends(first, await open());
  } catch {
    // What was seen until then is what there is.
  } finally {
    timer.cancel();
    await Promise.all(opened.map((client) => Promise.resolve(client.end()).catch(() => undefined)));
  }
  return seen;
}

/** What the server calls a statement that was named here, and what mode refuses a transaction. */
async function lookAtNames(
  client: pg.Client,
  seen: Mutable<PoolerLook>,
): Promise<pg.Client | undefined> {
  try {
    // One backend for all of it, whatever the mode.
    await client.query('begin');
  } catch (error) {
    // PgBouncer then closes the connection as well.
    if (typeof (error as { code?: unknown }).code === 'string') seen.refusesTransactions = true;
    return undefined;
  }
  const name = `fynlo_${Math.random().toString(36).slice(2)}`;
  const { rows } = await client.query<{ name: string; user: string }>({
    name,
    text: WHAT_NAME,
    values: [WHAT_NAME],
  });
  const kept = rows.some((row) => row.name === name);
  seen.sessionUser = rows[0]?.user;
  seen.statementName = kept ? NAME_KEPT : rows[0]?.name;
  // Left behind, it would be in the way of a stranger who looks.
  if (kept) await client.query(`deallocate "${name}"`);
  await client.query('commit');
  return client;
}

/** Of all poolers only PgBouncer refuses settings in the startup packet in these words; PostgreSQL takes this one. */
async function isRefusedAsByPgBouncer(
  open: (options: { readonly options: string }) => Promise<pg.Client>,
): Promise<boolean> {
  try {
    await open({ options: '-c fynlo.probe=1' });
    return false;
  } catch (error) {
    return String((error as Error).message).startsWith('unsupported startup parameter');
  }
}

/** Asks both in turns: while both are open, a pooler that keeps sessions gives each a backend of its own, and no other. */
async function sharesBackends(one: pg.Client, other: pg.Client): Promise<boolean> {
  const pids = [new Set<number>(), new Set<number>()] as const;
  for (let round = 0; round < ROUNDS; round++) {
    pids[0].add(await backendOf(one));
    pids[1].add(await backendOf(other));
    if (pids[0].size > 1 || pids[1].size > 1) return true;
    for (const pid of pids[0]) if (pids[1].has(pid)) return true;
  }
  return false;
}

/** The backend that answers a client now. */
export async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return Number(rows[0]?.pid);
}
