import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import pg from 'pg';
import { describe, expect, inject, test } from 'vitest';
import { SendContext } from './_pg_query_waiter.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

const storage = new AsyncLocalStorage<string>();
const connectionString = inject('postgresUrl');
const own = pg.Client.prototype.query as (...args: unknown[]) => unknown;

/** What a client does with each statement that tells in whose name it is sent. */
function overheard(seen: (string | undefined)[]): (...args: unknown[]) => unknown {
  return function overhear(this: pg.Client, ...args) {
    seen.push(storage.getStore());
    return own.apply(this, args);
  };
}

/** One query for each of `names`, behind a client that somebody else gives back. */
async function queueBehind(
  pool: Pool,
  names: readonly string[],
  values?: (name: string) => unknown[],
): Promise<void> {
  const holder = await pool.connect();
  const queued = names.map((name) =>
    storage.run(name, () => pool.query('select $1::text', values?.(name) ?? [name])),
  );
  storage.run('releaser', () => holder.release());
  await Promise.all(queued);
}

describe('a query that waited is sent in its own async context, where anybody can tell', () => {
  const make = (options: PoolOptions = {}): Pool =>
    new Pool({ connectionString, max: 1, ...options });

  test('by the class of its clients', async () => {
    const seen: (string | undefined)[] = [];
    class Client extends pg.Client {}
    Client.prototype.query = overheard(seen) as never;
    await using pool = make({ Client: Client as never });
    await queueBehind(pool, ['a', 'b']);
    expect(seen).toEqual(['a', 'b']);
  });

  test.each(['connect', 'onConnect'])(
    'by its first client, changed as it was connected (%s)',
    async (how) => {
      const seen: (string | undefined)[] = [];
      const change = (client: pg.ClientBase): void => {
        client.query = overheard(seen) as never;
      };
      await using pool = make(how === 'onConnect' ? { onConnect: change } : {});
      if (how === 'connect') pool.on('connect', change);
      // They wait before there is a client that could be looked at.
      await Promise.all(['a', 'b'].map((name) => storage.run(name, () => pool.query('select 1'))));
      expect(seen).toEqual(['a', 'b']);
    },
  );

  test('by a client that was changed later, from the second statement on', async () => {
    const seen: (string | undefined)[] = [];
    await using pool = make();
    const client = await pool.connect();
    client.release();
    client.query = overheard(seen) as never;
    await pool.query('select 1');
    await queueBehind(pool, ['a', 'b']);
    expect(seen.slice(1)).toEqual(['a', 'b']);
  });

  test('by its values', async () => {
    const seen: (string | undefined)[] = [];
    await using pool = make();
    await pool.query('select 1');
    const speaking = { toPostgres: () => `${seen.push(storage.getStore())}` };
    await queueBehind(pool, ['a', 'b'], () => [speaking]);
    const listed = pool.query({ text: 'select $1::text', values: [speaking] });
    await storage.run('c', () => listed);
    expect(seen.slice(0, 2)).toEqual(['a', 'b']);
  });

  test('and makes no context of its own where nobody can', async () => {
    await using pool = make();
    await pool.query('select 1');
    let made = 0;
    const hook = createHook({
      init(_id, type) {
        if (type.startsWith('PG_POOL')) made++;
      },
    }).enable();
    try {
      const values = (): unknown[] => ['text', 1, null, new Date(), Buffer.from('x')];
      await using other = make();
      await other.query('select 1');
      const holder = await other.connect();
      made = 0;
      const text = 'select $1::text, $2::int, $3::text, $4::timestamptz, $5::bytea';
      const queued = [other.query(text, values()), other.query({ text, values: values() })];
      holder.release();
      await Promise.all(queued);
      expect(made).toBe(0);
      await queueBehind(other, ['a'], () => [{ any: 'object' }]);
      expect(made).toBe(1);
    } finally {
      hook.disable();
    }
  });

  test('what is no text, values or config is not looked into', () => {
    const context = new SendContext();
    expect(context.mattersTo('select 1', undefined)).toBe(true);
    context.saw(new pg.Client());
    expect(context.mattersTo('select 1', undefined)).toBe(false);
    for (const values of ['a', { 0: 1 }, [() => 1], [Symbol.iterator, {}]]) {
      expect(context.mattersTo('select 1', values)).toBe(true);
    }
    for (const config of [{ submit() {} }, null, 1, { text: 'select 1', values: [[1]] }]) {
      expect(context.mattersTo(config, undefined)).toBe(true);
    }
  });
});

describe('a query on an idle client', () => {
  test('is answered after the call, whatever it is', async () => {
    await using pool = new Pool({ connectionString, max: 1, maxWaiting: 1 });
    await pool.query('select 1');
    const told: string[] = [];
    const answered = new Promise((resolve) => {
      void pool.query(null as never, (error: Error) => {
        told.push(error.message);
        resolve(undefined);
      });
    });
    told.push('asked');
    await answered;
    expect(told).toEqual(['asked', 'Client was passed a null or undefined query']);
    await expect(pool.query(undefined as never)).rejects.toThrow('null or undefined query');
    expect((await pool.query('select 2 as n')).rows).toEqual([{ n: 2 }]);
    pool.manager.pool.assertInvariants();
  });

  test('leaves nothing on it that could give it back a second time', async () => {
    await using pool = new Pool({ connectionString, max: 1 });
    const client = await pool.connect();
    client.release();
    const running = pool.query('select pg_sleep(0.05), 1 as n');
    expect(() => client.release()).toThrow('already been released');
    expect((await running).rows[0].n).toBe(1);
    pool.manager.pool.assertInvariants();
  });
});
