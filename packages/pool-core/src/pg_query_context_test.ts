import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import pg from 'pg';
import { describe, expect, inject, test } from 'vitest';
import { SendContext } from './_pg_send_context.ts';
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

  test('by the class of its clients, changed while all are lent', async () => {
    const seen: (string | undefined)[] = [];
    class Client extends pg.Client {}
    await using pool = make({ Client: Client as never });
    await pool.query('select 1');
    Client.prototype.query = overheard(seen) as never;
    await queueBehind(pool, ['a', 'b']);
    expect(seen).toEqual(['a', 'b']);
  });

  test('by pg’s queries, changed at any time', async () => {
    const seen: (string | undefined)[] = [];
    await using pool = make();
    await pool.query('select 1');
    const { submit } = pg.Query.prototype;
    pg.Query.prototype.submit = function (connection) {
      seen.push(storage.getStore());
      return submit.call(this, connection);
    };
    try {
      await queueBehind(pool, ['a', 'b']);
    } finally {
      pg.Query.prototype.submit = submit;
    }
    expect(seen).toEqual(['a', 'b']);
  });

  test('by its values', async () => {
    const seen: (string | undefined)[] = [];
    await using pool = make();
    await pool.query('select 1');
    const speaking = { toPostgres: () => `${seen.push(storage.getStore())}` };
    await queueBehind(pool, ['a', 'b'], () => [speaking]);
    expect(seen.slice(0, 2)).toEqual(['a', 'b']);
    class Spoken extends Date {
      override getFullYear(): number {
        seen.push(storage.getStore());
        return super.getFullYear();
      }
    }
    seen.length = 0;
    await queueBehind(pool, ['a', 'b'], () => [new Spoken()]);
    expect(new Set(seen)).toEqual(new Set(['a', 'b']));
  });

  test('values that cannot even be looked at are the statement’s error, once', async () => {
    await using pool = make();
    await pool.query('select 1');
    const holder = await pool.connect();
    const { proxy, revoke } = Proxy.revocable([1], {});
    revoke();
    const refused = pool.query('select $1::int', proxy as unknown[]).catch((error) => error);
    const config = pool.query({
      get text(): string {
        throw new Error('no text');
      },
    });
    const refusedToo = config.catch((error) => error);
    holder.release();
    expect(String(await refused)).toContain('proxy');
    expect(String(await refusedToo)).toContain('no text');
    pool.manager.pool.assertInvariants();
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
    const context = new SendContext(() => pg.Client);
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

describe('a query in a domain', () => {
  test('calls back in it, be it sent at once or queued', async () => {
    const { create } = await import('node:domain');
    await using pool = new Pool({ connectionString, max: 1 });
    await pool.query('select 1');
    const domain = create();
    const caught: string[] = [];
    const both = new Promise<void>((resolve) => {
      domain.on('error', (error) => {
        if (caught.push(error.message) === 2) resolve();
      });
    });
    domain.run(() => {
      for (const name of ['at once', 'queued']) {
        void pool.query('select 1', () => {
          throw new Error(name);
        });
      }
    });
    await both;
    expect(caught).toEqual(['at once', 'queued']);
    expect((await pool.query('select 2 as n')).rows).toEqual([{ n: 2 }]);
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

  test('is told of before it is over, however soon that is', async () => {
    await using pool = new Pool({ connectionString, max: 1 });
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const told: string[] = [];
    await pool.query('select 1');
    pool.observe({
      acquiring: ({ leaseId }) => void told.push(`acquiring ${leaseId}`),
      acquired: ({ leaseId }) => void told.push(`acquired ${leaseId}`),
      released: ({ leaseId }) => void told.push(`released ${leaseId}`),
    });
    await expect(pool.query('select $1::json', [circular])).rejects.toThrow('circular');
    await new Promise<void>((resolve) => {
      pool.connect((_error, first) => {
        // Called back within the release of the first, and gives back within the call.
        pool.connect((_refusal, _second, done) => {
          done();
          resolve();
        });
        first?.release();
      });
    });
    const lease = (id: number): string[] => [`acquired ${id}`, `released ${id}`];
    expect(told.filter((line) => !line.startsWith('acquiring'))).toEqual([
      ...lease(2),
      'acquired 3',
      'released 3',
      ...lease(4),
    ]);
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

  test('shows listeners a release() that is no way to give it back', async () => {
    await using pool = new Pool({ connectionString, max: 1 });
    const seen: unknown[] = [];
    pool.on('acquire', (client) => seen.push(client.release));
    await pool.query('select 1');
    expect(seen[0]).toThrow('already been released');
  });
});
