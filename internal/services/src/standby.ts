/**
 * A streaming standby of a server that was started here: to be promoted, paused or lost in a test.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
// To talk to the two servers; a dependency for that alone.
import pg from 'pg';
import { type Account, unprivilegedAccount } from './_account.ts';
import { freePort } from './_free_port.ts';
import type { Keeper } from './_keeper.ts';
import { preparePostgres } from './_postgres_binaries.ts';
import { openPostgresFolder, primaryConnInfo, runPostgres } from './_postgres_server.ts';
import { ask } from './ask.ts';
import { messageOf, ServiceNotOwnedError, ServiceStartError } from './errors.ts';
import type { PostgresOptions, RunningPostgres } from './postgres.ts';

/** Of which server, and what is different from it. */
export interface StandbyOptions extends Pick<PostgresOptions, 'settings' | 'log' | 'note'> {
  /** A running server that was started with `replication: true`. */
  readonly of: RunningPostgres;
}

/** A standby that answers, read-only. */
export interface RunningStandby extends RunningPostgres {
  /** Makes it a primary. Returns when it takes writes. */
  promote(): Promise<void>;
  /** Stops applying what comes from the primary: readers see the past. */
  pauseReplay(): Promise<void>;
  resumeReplay(): Promise<void>;
  /** Waits until it has applied everything that `of` has written by now. */
  caughtUp(): Promise<void>;
}

/** PostgreSQL refuses a standby that has less of these than its primary. */
const AT_LEAST_THE_PRIMARYS = [
  'max_connections',
  'max_prepared_transactions',
  'max_locks_per_transaction',
  'max_wal_senders',
  'max_worker_processes',
];

/** A base backup needs these folders, but nothing in them. */
const EMPTY = ['pg_wal', 'pg_dynshmem', 'pg_notify', 'pg_replslot', 'pg_serial', 'pg_snapshots'];

/**
 * Files come and go while a live server is copied, and PostgreSQL allows for that: what is missing is in the log that
 * the standby replays. So a vanished file is no failure.
 */
const COPY = `
from=$1 to=$2
mkdir "$to" && cd "$from" || exit 1
for entry in *; do
  case " $3 " in
    *" $entry "*) mkdir "$to/$entry";;
    *) case $entry in
      postmaster.*|backup_label*|*.signal) ;;
      *) cp -Rp "$entry" "$to" 2>>"$to.errors";;
    esac;;
  esac
done
touch "$to/standby.signal"
! grep -v 'No such file or directory' "$to.errors"
`;

/**
 * Copies a running server and starts the copy as a standby that follows it by streaming, with a replication slot so that
 * nothing it needs is thrown away. No `pg_basebackup` is needed, which the npm binaries lack.
 *
 * @throws {ServiceNotOwnedError} for a server from `DATABASE_URL`, {ServiceStartError} when it cannot be done
 *
 * @example
 * ```ts
 * import { startPostgres } from '@fynlo/services/postgres';
 * import { startStandby } from '@fynlo/services/standby';
 *
 * const primary = await startPostgres({ external: false, replication: true });
 * const standby = await startStandby({ of: primary });
 * await primary.kill();
 * await standby.promote();
 * await Promise.all([primary.stop(), standby.stop()]);
 * ```
 */
export async function startStandby(options: StandbyOptions): Promise<RunningStandby> {
  const { of: primary } = options;
  if (primary.socketDir === undefined) {
    throw new ServiceNotOwnedError('startStandby', 'DATABASE_URL');
  }
  const begun = performance.now();
  const account = await unprivilegedAccount();
  const keeper = await openPostgresFolder(account, options.log);
  try {
    const binaries = await preparePostgres(keeper.folder, account, (line) => options.note?.(line));
    const slot = `standby_${randomBytes(6).toString('hex')}`;
    const least = await copyOf(primary, primary.socketDir, keeper, account, slot);
    const standby = await runPostgres({
      keeper,
      binaries,
      port: await freePort(),
      password: primary.password,
      auth: primary.auth ?? 'scram-sha-256',
      begun,
      options: {
        durable: primary.durable ?? false,
        replication: true,
        settings: {
          ...least,
          primary_conninfo: primaryConnInfo(primary),
          primary_slot_name: slot,
          ...options.settings,
        },
      },
    });
    return withReplication(standby, primary);
  } catch (error) {
    await keeper.stop();
    throw new ServiceStartError('standby', [messageOf(error)], [ADVICE], error);
  }
}

const ADVICE = 'start the primary with { replication: true }, and this while it runs';

/** Copies the primary's data within a backup, and returns the settings that must not be lower than its own. */
async function copyOf(
  primary: RunningPostgres,
  primaryFolder: string,
  keeper: Keeper,
  account: Account,
  slot: string,
): Promise<Record<string, string>> {
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  try {
    await client.query('select pg_create_physical_replication_slot($1, true)', [slot]);
    await client.query('select pg_backup_start($1, true)', [slot]);
    const [from, to] = [join(primaryFolder, 'data'), join(keeper.folder, 'data')];
    // The keeper takes one line at a time, so the script is a file.
    const script = keeper.writeFile('copy.sh', COPY);
    await keeper.complete({ command: ['/bin/sh', script, from, to, EMPTY.join(' ')] });
    const { rows } = await client.query('select labelfile from pg_backup_stop(false)');
    const label = keeper.writeFile('data/backup_label', rows[0].labelfile);
    // The server renames it, and opens it to do so.
    if (account.uid !== undefined && account.gid !== undefined) {
      await chown(label, account.uid, account.gid);
    }
    const least = await client.query(
      'select name, setting from pg_settings where name = any($1::text[])',
      [AT_LEAST_THE_PRIMARYS],
    );
    return Object.fromEntries(least.rows.map(({ name, setting }) => [name, setting]));
  } finally {
    await client.end();
  }
}

function withReplication(standby: RunningPostgres, primary: RunningPostgres): RunningStandby {
  return {
    ...standby,
    promote: () => ask(standby.url, 'select pg_promote(true, 60)'),
    pauseReplay: () => ask(standby.url, 'select pg_wal_replay_pause()'),
    resumeReplay: () => ask(standby.url, 'select pg_wal_replay_resume()'),
    caughtUp: async () => {
      const written = await ask<string>(primary.url, 'select pg_current_wal_flush_lsn()::text');
      const behind = `select pg_last_wal_replay_lsn() < '${written}'::pg_lsn`;
      const deadline = performance.now() + CATCH_UP_TIMEOUT_MS;
      while (await ask<boolean>(standby.url, behind)) {
        if (performance.now() > deadline) throw new Error(`The standby did not reach ${written}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}

const CATCH_UP_TIMEOUT_MS = 30_000;
