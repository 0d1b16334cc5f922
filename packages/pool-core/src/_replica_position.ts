/**
 * Positions in the write-ahead log: how far a server has come.
 */
import type pg from 'pg';
import type { KnownServer } from './_server_book.ts';
import { nameOf } from './_server_book.ts';
import type { Clock } from './clock.ts';
import { InvalidOptionError } from './errors.ts';
import { ReplicaBehindError } from './pg_errors.ts';

/** Between two questions, ms: soon at first, as most replicas are close behind. */
const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 50;

/** "16/B374D848" as a number. @throws InvalidOptionError */
function readLsn(lsn: string): bigint {
  const [, high, low] = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i.exec(lsn) ?? [];
  if (high === undefined || low === undefined) {
    throw new InvalidOptionError(
      'minLsn',
      lsn,
      "a position as of writePosition(), such as '0/16B3748'",
    );
  }
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/** Where the server stands with what it has written itself, or has replayed. */
export async function writePositionOf(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ lsn: string }>(
    `select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
       else pg_current_wal_insert_lsn() end::text as lsn`,
  );
  return rows[0]?.lsn ?? '0/0';
}

/**
 * Waits until the server has replayed `minLsn`. A primary has, and so has a standby that was seen that far before: then it
 * costs no round trip.
 *
 * @throws ReplicaBehindError after `timeoutMs`
 */
export async function reachPosition(
  client: pg.ClientBase,
  known: KnownServer | undefined,
  minLsn: string,
  clock: Clock,
  timeoutMs: number,
): Promise<void> {
  const wanted = readLsn(minLsn);
  if (known?.replayed !== undefined && known.replayed >= wanted) return;
  const begun = clock.now();
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2)) {
    const { rows } = await client.query<{ standby: boolean; lsn: string | null }>(
      'select pg_is_in_recovery() as standby, pg_last_wal_replay_lsn()::text as lsn',
    );
    const row = rows[0];
    if (row?.standby === false) return;
    const replayed = row?.lsn == null ? undefined : readLsn(row.lsn);
    if (known !== undefined && replayed !== undefined) known.replayed = replayed;
    if (replayed !== undefined && replayed >= wanted) return;
    const waitedMs = clock.now() - begun;
    if (waitedMs + waitMs > timeoutMs) {
      const server = known === undefined ? 'The server' : nameOf(known.server);
      throw new ReplicaBehindError({
        minLsn,
        replayedLsn: row?.lsn ?? undefined,
        server,
        waitedMs,
      });
    }
    await new Promise<void>((resolve) => clock.setTimeout(resolve, waitMs));
  }
}
