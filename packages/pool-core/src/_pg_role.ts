/**
 * Learning what a server is, from what it reports or by asking.
 */
import type pg from 'pg';
import type { ServerRole } from './_host_policy.ts';
import { insideOf } from './_pg_client_inside.ts';

interface ParameterStatus {
  readonly parameterName: string;
  readonly parameterValue: string;
}

/** Who hears of a server's role while a client is connected to it. */
export interface RoleListener {
  /** The server says that it is a standby no longer (or again): PostgreSQL 14 and later, with its next answer. */
  turned(standby: boolean): void;
  /** It refused a write (25006). @param inTransaction whether the statement was within BEGIN; undefined: not known */
  refusedWrite(inTransaction: boolean | undefined): void;
}

/** What one session knows of its server's role, without a round trip. */
export class RoleWatch {
  #standby: boolean | undefined;
  #readOnly: boolean | undefined;
  #listener: RoleListener | undefined;

  /** @param client not yet connected. pg-native reports nothing. */
  constructor(client: pg.Client) {
    const { connection } = insideOf(client);
    if (typeof connection?.on !== 'function') return;
    connection.on('parameterStatus', (status: ParameterStatus) => this.#told(status));
    connection.on('errorMessage', (message: { code?: string }) => {
      if (message.code !== '25006') return;
      const status = insideOf(client).getTransactionStatus?.();
      // Read before the server's next "ready": it is how things stood when the statement was sent.
      this.#listener?.refusedWrite(status == null ? undefined : status !== 'I');
    });
  }

  get role(): ServerRole {
    return { standby: this.#standby, readOnly: this.#readOnly };
  }

  /** From here on changes are told. */
  listen(listener: RoleListener): void {
    this.#listener = listener;
  }

  #told({ parameterName, parameterValue }: ParameterStatus): void {
    const on = parameterValue === 'on';
    if (parameterName === 'in_hot_standby') {
      const before = this.#standby;
      this.#standby = on;
      if (before !== undefined && before !== on) this.#listener?.turned(on);
    } else if (parameterName === 'default_transaction_read_only' && this.#listener === undefined) {
      // Later it may be the user's own SET.
      this.#readOnly = on;
    }
  }
}

/**
 * A standby that has applied all it got is up to date as long as it receives; else the age of what it applied last is how far
 * it is behind. On an idle primary that is too much where nothing is received: it errs to the safe side.
 */
const ROLE = `select pg_is_in_recovery() as standby,
  current_setting('default_transaction_read_only') = 'on' as "readOnly"`;
const ROLE_AND_LAG = `${ROLE}, case
  when not pg_is_in_recovery() then 0
  when pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn()
    and exists (select from pg_stat_wal_receiver) then 0
  else coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000, 1e12)
end::float8 as "lagMs"`;

/** Asks the server itself: poolers keep what a server reported at its first connect. */
export async function askRole(client: pg.Client, withLag: boolean): Promise<ServerRole> {
  const { rows } = await client.query<{ standby: boolean; readOnly: boolean; lagMs?: number }>(
    withLag ? ROLE_AND_LAG : ROLE,
  );
  const row = rows[0];
  if (row === undefined) throw new Error('The server did not say what it is');
  return row;
}
