/**
 * A bank whose books must balance: callers move money between accounts through a pool, and remember of each transfer what they were told.
 *
 * @module
 */
import pg from 'pg';
import { ACCOUNTS, type PlannedTransfer, transfersOf } from './_soak_workload_fixture.ts';
import { ConnectionLostError } from './errors.ts';
import { TransactionRolledBackError } from './pg_errors.ts';
import type { Pool } from './pool.ts';

/** What a caller knows of its transfer. */
export type Outcome = 'committed' | 'rolled-back' | 'unknown';

const OPENING_BALANCE = 10_000;

/** The statements of a transfer; two accounts are locked in either order, so some deadlock. */
async function move(
  client: pg.ClientBase,
  { id, from, to, amount }: PlannedTransfer,
): Promise<void> {
  await client.query('update account set balance = balance - $1 where id = $2', [amount, from]);
  await client.query({
    name: 'transfer',
    text: 'insert into transfer (id, "from", "to", amount) values ($1, $2, $3, $4)',
    values: [id, from, to, amount],
  });
  await client.query('update account set balance = balance + $1 where id = $2', [amount, to]);
}

/** The same as one statement, which may share a connection with those of others. */
const ONE_SHOT = `
  with debit as (update account set balance = balance - $4 where id = $2),
    credit as (update account set balance = balance + $4 where id = $3)
  insert into transfer (id, "from", "to", amount) values ($1, $2, $3, $4)`;

/** What the callers need of a pool. */
export type TransferPool = Pick<Pool, 'connect' | 'query' | 'transaction'>;

export class SoakBank {
  readonly #pool: TransferPool;
  readonly #seed: number;
  readonly #began: (transfer: PlannedTransfer) => void;
  /** Of the transfers since the books were last closed. */
  readonly #outcomes = new Map<number, Outcome>();
  readonly #tally: Record<Outcome, number> = { committed: 0, 'rolled-back': 0, unknown: 0 };
  #stopping = false;
  #callers: Promise<void>[] = [];
  /** Callers that are within a transfer. */
  #busy = 0;
  /** While the books are closed nobody begins one. */
  #closed: { readonly opened: Promise<void>; readonly idle: () => void } | undefined;
  #awaited: { readonly commits: number; readonly reached: () => void } | undefined;
  /** Transfers begun: each asks for a connection once. */
  asked = 0;

  constructor(
    pool: TransferPool,
    seed: number,
    began: (transfer: PlannedTransfer) => void = () => undefined,
  ) {
    this.#pool = pool;
    this.#seed = seed;
    this.#began = began;
  }

  /** Opens the accounts. No key on the ledger: a transfer that is carried out twice is to be seen, not prevented. */
  static async open(adminUrl: string): Promise<void> {
    await asAdmin(adminUrl, async (admin) => {
      await admin.query(`
        create table account (id int primary key, balance bigint not null, opening bigint not null);
        create table transfer (id bigint not null, "from" int not null, "to" int not null, amount bigint not null);
        create table once (id int primary key);
        insert into once values (1);
        insert into account select id, ${OPENING_BALANCE}, ${OPENING_BALANCE} from generate_series(1, ${ACCOUNTS}) id`);
    });
  }

  start(callers: number): void {
    this.#callers = Array.from({ length: callers }, (_, caller) => this.#call(caller));
  }

  /** Resolves when every caller has been answered. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#callers);
  }

  /** How many transfers ended in each way. */
  get tally(): Readonly<Record<Outcome, number>> {
    return this.#tally;
  }

  /** Resolves in the turn in which so many have been committed since the beginning. One at a time may wait. */
  reach(commits: number): Promise<void> {
    if (this.#tally.committed >= commits) return Promise.resolve();
    return new Promise((reached) => {
      this.#awaited = { commits, reached };
    });
  }

  /**
   * Lets every caller end its transfer, compares what they were told with the books, and begins new ones: what is remembered does
   * not grow with the length of a run.
   *
   * @throws Error naming every transfer that is lost, doubled or invented
   */
  async closeBooks(adminUrl: string): Promise<void> {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const idle = new Promise<void>((resolve) => {
      this.#closed = { opened, idle: resolve };
      if (this.#busy === 0) resolve();
    });
    try {
      await idle;
      await asAdmin(adminUrl, (admin) => this.#audit(admin));
      this.#outcomes.clear();
    } finally {
      this.#closed = undefined;
      open();
    }
  }

  async #audit(admin: pg.Client): Promise<void> {
    const wrong: string[] = [];
    // What the server still does for connections that are gone ends first.
    await admin.query(`begin; set local lock_timeout = '30s'; lock table account, transfer`);
    const ledger = await admin.query(
      'select id::float8, count(*)::int as n from transfer group by id',
    );
    const entries = new Map<number, number>(ledger.rows.map(({ id, n }) => [id, n]));
    for (const [id, outcome] of this.#outcomes) {
      const n = entries.get(id) ?? 0;
      if (n > 1) wrong.push(`transfer ${id} (${outcome}) was carried out ${n} times`);
      if (outcome === 'committed' && n === 0)
        wrong.push(`transfer ${id} was committed and is lost`);
      if (outcome === 'rolled-back' && n > 0)
        wrong.push(`transfer ${id} was rolled back and is in the books`);
      entries.delete(id);
    }
    for (const id of entries.keys())
      wrong.push(`transfer ${id} is in the books and nobody knows it`);
    const { rows } = await admin.query(`
      select a.id, a.balance::float8 as balance, (a.opening
        + coalesce((select sum(amount) from transfer where "to" = a.id), 0)
        - coalesce((select sum(amount) from transfer where "from" = a.id), 0))::float8 as expected
      from account a`);
    let total = 0;
    for (const { id, balance, expected } of rows) {
      total += balance;
      if (balance !== expected)
        wrong.push(`account ${id} has ${balance}, by its transfers ${expected}`);
    }
    if (total !== ACCOUNTS * OPENING_BALANCE) wrong.push(`the bank has ${total} in all`);
    if (wrong.length > 0)
      throw new Error(`${wrong.length} wrong: ${wrong.slice(0, 20).join('; ')}`);
    await admin.query('truncate transfer; update account set opening = balance; commit');
  }

  async #call(caller: number): Promise<void> {
    for (const transfer of transfersOf(this.#seed, caller)) {
      while (this.#closed !== undefined) await this.#closed.opened;
      if (this.#stopping) return;
      this.asked++;
      this.#busy++;
      this.#began(transfer);
      const outcome = await this.#transfer(transfer);
      this.#settled(transfer, outcome);
      if (outcome !== 'committed') await pause(transfer.pauseMs);
    }
  }

  #settled({ id }: PlannedTransfer, outcome: Outcome): void {
    this.#outcomes.set(id, outcome);
    this.#tally[outcome]++;
    if (this.#awaited !== undefined && this.#tally.committed >= this.#awaited.commits) {
      this.#awaited.reached();
      this.#awaited = undefined;
    }
    if (--this.#busy === 0) this.#closed?.idle();
  }

  async #transfer(transfer: PlannedTransfer): Promise<Outcome> {
    switch (transfer.way) {
      case 'one-shot':
        return this.#inOneStatement(transfer);
      case 'transaction':
        return this.#inTransaction((client) => move(client, transfer));
      case 'serializable':
        return this.#inTransaction((client) => move(client, transfer), {
          isolationLevel: 'serializable',
          retries: 3,
        });
      case 'slow':
        return this.#inTransaction(async (client) => {
          await client.query('select pg_sleep($1)', [transfer.sleepMs / 1_000]);
          await move(client, transfer);
        });
      case 'failing-statement':
        return this.#inTransaction(async (client) => {
          await move(client, transfer);
          await client.query('select 1 / 0');
        });
      case 'duplicate-key':
        return this.#inTransaction(async (client) => {
          await move(client, transfer);
          await client.query('insert into once values (1)');
        });
      case 'thrown':
        return this.#inTransaction(async (client) => {
          await move(client, transfer);
          throw new Error('the caller changed its mind');
        });
      case 'aborted':
        return this.#inTransaction((client) => move(client, transfer), {
          signal: AbortSignal.timeout(transfer.abortMs),
        });
      default:
        return this.#byHand(transfer);
    }
  }

  async #inTransaction(
    fn: (client: pg.PoolClient) => Promise<void>,
    options: Parameters<Pool['transaction']>[1] = {},
  ): Promise<Outcome> {
    try {
      await this.#pool.transaction(fn, options);
      return 'committed';
    } catch (error) {
      if (error instanceof TransactionRolledBackError) return 'rolled-back';
      const maybe = error instanceof ConnectionLostError && error.maybeExecuted;
      return maybe ? 'unknown' : 'rolled-back';
    }
  }

  async #inOneStatement({ id, from, to, amount }: PlannedTransfer): Promise<Outcome> {
    try {
      await this.#pool.query(ONE_SHOT, [id, from, to, amount]);
      return 'committed';
    } catch (error) {
      const { code = '', maybeExecuted } = error as { code?: string; maybeExecuted?: boolean };
      // A session that was ended under the statement, or just after it.
      if (code === '57P01') return 'unknown';
      const refused = /^(?:[0-9A-Z]{5}|ERR_POOL_\w+)$/.test(code);
      return (maybeExecuted ?? !refused) ? 'unknown' : 'rolled-back';
    }
  }

  /** As an application does that manages its transactions itself, more or less well. */
  async #byHand(transfer: PlannedTransfer): Promise<Outcome> {
    const { way } = transfer;
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch {
      return 'rolled-back';
    }
    let committing = false;
    try {
      await client.query('begin');
      await move(client, transfer);
      if (way === 'left-open-failed') await client.query('select 1 / 0').catch(() => undefined);
      if (way === 'left-open' || way === 'left-open-failed' || way === 'released-with-error') {
        client.release(way === 'released-with-error' ? new Error('of the caller') : undefined);
        return 'rolled-back';
      }
      committing = true;
      const { command } = await client.query('commit');
      client.release();
      return command === 'COMMIT' ? 'committed' : 'rolled-back';
    } catch (error) {
      // Not every application passes the error on.
      client.release();
      if (!committing) return 'rolled-back';
      return error instanceof pg.DatabaseError ? 'rolled-back' : 'unknown';
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function asAdmin(url: string, fn: (admin: pg.Client) => Promise<void>): Promise<void> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  try {
    await fn(admin);
  } finally {
    await admin.end();
  }
}
