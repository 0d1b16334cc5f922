/**
 * A bank whose books must balance: callers move money between accounts through a pool, and remember of each transfer what they were told.
 *
 * @module
 */
import pg from 'pg';
import { seeded } from './_simulation_fixture.ts';
import { ConnectionLostError } from './errors.ts';
import { TransactionRolledBackError } from './pg_errors.ts';
import type { Pool } from './pool.ts';

/** What a caller knows of its transfer. */
export type Outcome = 'committed' | 'rolled-back' | 'unknown';

const ACCOUNTS = 24;
const OPENING_BALANCE = 10_000;

/** How a transfer goes about it, and how often. */
const WAYS = [
  ['transaction', 40],
  ['by-hand', 20],
  ['serializable', 10],
  ['failing-statement', 8],
  ['duplicate-key', 4],
  ['thrown', 6],
  ['left-open', 6],
  ['left-open-failed', 3],
  ['aborted', 8],
  ['slow', 6],
  ['released-with-error', 4],
] as const;
type Way = (typeof WAYS)[number][0];

interface Transfer {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly amount: number;
}

/** The statements of a transfer; two accounts are locked in either order, so some deadlock. */
async function move(client: pg.ClientBase, { id, from, to, amount }: Transfer): Promise<void> {
  await client.query('update account set balance = balance - $1 where id = $2', [amount, from]);
  await client.query({
    name: 'transfer',
    text: 'insert into transfer (id, "from", "to", amount) values ($1, $2, $3, $4)',
    values: [id, from, to, amount],
  });
  await client.query('update account set balance = balance + $1 where id = $2', [amount, to]);
}

export class SoakBank {
  readonly #pool: Pool;
  readonly #seed: number;
  readonly #outcomes = new Map<number, Outcome>();
  #lastId = 0;
  #stopping = false;
  #callers: Promise<void>[] = [];
  /** Transfers begun: each asks for a connection once. */
  asked = 0;
  lastCommitAt = 0;

  constructor(pool: Pool, seed: number) {
    this.#pool = pool;
    this.#seed = seed;
  }

  /** Opens the accounts. No key on the ledger: a transfer that is carried out twice is to be seen, not prevented. */
  static async open(adminUrl: string): Promise<void> {
    await asAdmin(adminUrl, async (admin) => {
      await admin.query(`
        create table account (id int primary key, balance bigint not null);
        create table transfer (id bigint not null, "from" int not null, "to" int not null, amount bigint not null);
        create table once (id int primary key);
        insert into once values (1);
        insert into account select id, ${OPENING_BALANCE} from generate_series(1, ${ACCOUNTS}) id`);
    });
  }

  start(callers: number): void {
    this.#callers = Array.from({ length: callers }, (_, i) => this.#call(this.#seed * 1_000 + i));
  }

  /** Resolves when every caller has been answered. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#callers);
  }

  /** How many transfers ended in each way. */
  get tally(): Readonly<Record<Outcome, number>> {
    const tally = { committed: 0, 'rolled-back': 0, unknown: 0 };
    for (const outcome of this.#outcomes.values()) tally[outcome]++;
    return tally;
  }

  /** Compares what the callers were told with the books. @throws Error naming every transfer that is lost, doubled or invented. */
  async audit(adminUrl: string): Promise<void> {
    const wrong: string[] = [];
    await asAdmin(adminUrl, async (admin) => {
      const ledger = await admin.query(
        'select id::int, count(*)::int as n from transfer group by id',
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
        select a.id, a.balance::int as balance, ${OPENING_BALANCE}
          + coalesce((select sum(amount) from transfer where "to" = a.id), 0)::int
          - coalesce((select sum(amount) from transfer where "from" = a.id), 0)::int as expected
        from account a`);
      let total = 0;
      for (const { id, balance, expected } of rows) {
        total += balance;
        if (balance !== expected)
          wrong.push(`account ${id} has ${balance}, by its transfers ${expected}`);
      }
      if (total !== ACCOUNTS * OPENING_BALANCE) wrong.push(`the bank has ${total} in all`);
    });
    if (wrong.length > 0)
      throw new Error(`${wrong.length} wrong: ${wrong.slice(0, 20).join('; ')}`);
  }

  async #call(seed: number): Promise<void> {
    const random = seeded(seed);
    while (!this.#stopping) {
      const from = 1 + Math.floor(random() * ACCOUNTS);
      const to = 1 + ((from + Math.floor(random() * (ACCOUNTS - 1))) % ACCOUNTS);
      const transfer = { id: ++this.#lastId, from, to, amount: 1 + Math.floor(random() * 50) };
      this.asked++;
      const outcome = await this.#transfer(transfer, wayOf(random()), random());
      this.#outcomes.set(transfer.id, outcome);
      if (outcome === 'committed') this.lastCommitAt = performance.now();
      // A caller that was refused at once does not spin.
      if (outcome !== 'committed') await pause(5 + random() * 20);
    }
  }

  async #transfer(transfer: Transfer, way: Way, random: number): Promise<Outcome> {
    switch (way) {
      case 'transaction':
        return this.#inTransaction((client) => move(client, transfer));
      case 'serializable':
        return this.#inTransaction((client) => move(client, transfer), {
          isolationLevel: 'serializable',
          retries: 3,
        });
      case 'slow':
        return this.#inTransaction(async (client) => {
          await client.query('select pg_sleep($1)', [random * 0.3]);
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
          signal: AbortSignal.timeout(1 + Math.floor(random * 10)),
        });
      default:
        return this.#byHand(transfer, way);
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

  /** As an application does that manages its transactions itself, more or less well. */
  async #byHand(transfer: Transfer, way: Way): Promise<Outcome> {
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

function wayOf(random: number): Way {
  let left = random * WAYS.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [way, weight] of WAYS) {
    left -= weight;
    if (left < 0) return way;
  }
  return 'transaction';
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
