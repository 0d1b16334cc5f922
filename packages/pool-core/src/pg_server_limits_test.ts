import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { delay } from './_pg_conformance.ts';
import { readServerCapacity } from './_pg_server_capacity.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

/** A small server: 25 slots for an ordinary role. */
const SLOTS = 30;

let server: RunningPostgres;
let admin: pg.Client;
const statements: string[] = [];
let marks = 0;

beforeAll(async () => {
  server = await startPostgres({
    external: false,
    maxConnections: SLOTS,
    auth: 'trust',
    settings: { superuser_reserved_connections: 3, reserved_connections: 2, log_statement: 'all' },
    log: (line) => void statements.push(line),
  });
  admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query(`
    create role app login;
    create role five login connection limit 5;
    create role twenty login connection limit 20;
    create role trusted login in role pg_use_reserved_connections;
    create role other login`);
  await admin.query('create database eighteen connection limit 18');
});
// A backend keeps its slot for a moment after its client has gone.
beforeEach(async () => {
  const others = `select count(*)::int as n from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()`;
  await expect.poll(async () => (await admin.query(others)).rows[0].n).toBe(0);
});
afterAll(async () => {
  await admin.end();
  await server.stop();
});

function urlOf(user: string, database?: string): string {
  const url = new URL(server.url);
  url.username = user;
  url.password = '';
  if (database !== undefined) url.pathname = `/${database}`;
  return url.href;
}

function poolOf(user: string, options: PoolOptions = {}): Pool {
  const { database, ...rest } = options;
  return new Pool({
    connectionString: urlOf(user, database),
    max: 100,
    application_name: user,
    ...rest,
  });
}

async function backends(application: string): Promise<number> {
  const { rows } = await admin.query(
    'select count(*)::int as n from pg_stat_activity where application_name = $1',
    [application],
  );
  return rows[0].n;
}

/** Callers that hold a connection each, for as long as the scope lasts. */
function hold(pool: Pool, callers: number): AsyncDisposable {
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const done = Promise.all(
    Array.from({ length: callers }, () =>
      pool.withConnection(async (client) => {
        await client.query('select 1');
        await gate;
      }),
    ),
  );
  return {
    async [Symbol.asyncDispose]() {
      go();
      await done;
    },
  };
}

/** Slots taken by another process. */
async function takeSlots(url: string, count: number): Promise<AsyncDisposable & { taken: number }> {
  const clients = Array.from({ length: count }, () => new pg.Client(url));
  const connected = await Promise.all(
    clients.map((client) =>
      client
        .on('error', () => undefined)
        .connect()
        .then(
          () => client,
          () => undefined,
        ),
    ),
  );
  const taken = connected.filter((client) => client !== undefined);
  return {
    taken: taken.length,
    async [Symbol.asyncDispose]() {
      await Promise.all(taken.map((client) => client.end()));
    },
  };
}

/** Waits until the server's log has everything that was sent to it so far: up to a mark that no line had before. */
async function logged(): Promise<void> {
  const mark = `mark ${++marks}.`;
  await admin.query(`select '${mark}'`);
  await expect.poll(() => statements.some((line) => line.includes(mark))).toBe(true);
}

describe('what the server says of its room', () => {
  test.each([
    [
      'an ordinary role',
      'app',
      undefined,
      { allows: 25, ceiling: 22 },
      'max_connections 30, 5 reserved',
    ],
    [
      'a role with pg_use_reserved_connections',
      'trusted',
      undefined,
      { allows: 27, ceiling: 24 },
      'max_connections 30, 3 reserved',
    ],
    ['a role with a limit', 'twenty', undefined, { allows: 20, ceiling: 20 }, 'role limit 20'],
    [
      'a database with a limit',
      'app',
      'eighteen',
      { allows: 18, ceiling: 18 },
      'database limit 18',
    ],
  ] as const)(
    'F40 F41 is the ceiling of %s, and callers that hold connections run into no refusal',
    async (_, role, database, { allows, ceiling }, why) => {
      await using pool = poolOf(role, database === undefined ? {} : { database });
      await using _holders = hold(pool, 40);
      await expect.poll(() => pool.stats().leased, { timeout: 15_000 }).toBe(ceiling);
      expect(pool.stats()).toMatchObject({ waiting: 40 - ceiling, createFailures: 0, ceiling });
      expect(await backends(role)).toBe(ceiling);
      const learned = pool.scalingEvents().filter(({ reason }) => reason === 'server-capacity');
      expect(learned).toMatchObject([{ from: 100, to: ceiling, inputs: { maxConnections: 30 } }]);
      expect(pool.explain()).toContain(`server allows ${allows} (`);
      expect(pool.explain()).toContain(why);
    },
    30_000,
  );

  test('a superuser may have every slot but those left to others', async () => {
    await using pool = new Pool({ connectionString: server.url, max: 100 });
    await pool.warm(12);
    expect(pool.scalingEvents()).toContainEqual(
      expect.objectContaining({ reason: 'server-capacity', to: SLOTS - 3 }),
    );
  });

  test('is asked once, and not by a pool of ten connections', async () => {
    const asked = () => statements.filter((line) => line.includes('rolconnlimit')).length;
    await logged();
    const before = asked();
    {
      await using pool = poolOf('app', { max: 10 });
      await pool.warm(10);
    }
    await logged();
    expect(asked()).toBe(before);
    {
      await using pool = poolOf('app');
      await pool.warm(20);
    }
    await logged();
    expect(asked()).toBe(before + 1);
  });

  test('bounds what a caller asks to be warm, who hears of it; what is closed then is not opened again', async () => {
    await using pool = poolOf('app');
    await pool.warm(30);
    const { size } = pool.stats();
    expect(size).toBeGreaterThan(15);
    expect(size).toBeLessThan(30);
    pool.evictIdle();
    await delay(300);
    expect(pool.stats().size).toBe(0);
  });

  test('is not asked where the ceiling is off', async () => {
    await using pool = poolOf('app', { adaptiveCeiling: false });
    await pool.warm(15);
    expect(pool.explain()).not.toContain('server allows');
  });

  test('is nothing behind a pooler, whose backends are not the client’s', async () => {
    class Pooled extends pg.Client {
      constructor(options?: pg.ClientConfig) {
        super(options);
        Object.defineProperty(this, 'processID', { get: () => 1, set: () => undefined });
      }
    }
    await using pool = poolOf('app', { Client: Pooled as never, silenceTimeoutMs: 0 });
    await pool.warm(15);
    expect(pool.stats().size).toBe(15);
    expect(pool.explain()).not.toContain('server allows');
    expect(pool.scalingEvents().map(({ reason }) => reason)).not.toContain('server-capacity');
  });

  test('is nothing where the server does not know the question', async () => {
    const client = {
      processID: 7,
      query: (_: string, callback: (error: Error) => void) => callback(new Error('what?')),
    };
    expect(await readServerCapacity(client as never)).toBeUndefined();
  });

  test('does not depend on the parsers that the application has set', async () => {
    const client = new pg.Client({
      connectionString: urlOf('app'),
      types: { getTypeParser: () => (text: string) => text } as never,
    });
    await client.connect();
    expect(await readServerCapacity(client)).toEqual({ maxConnections: SLOTS, reserved: 5 });
    await client.end();
  });
});

describe('refusals', () => {
  test('F40 a server filled by others: callers are served by the connections there are, few are tried, and it grows when there is room', async () => {
    await using pool = poolOf('app', { minConnections: 5, connectionTimeoutMillis: 30_000 });
    await pool.warm(5);
    const others = await takeSlots(urlOf('other'), SLOTS);
    expect(others.taken).toBeLessThan(SLOTS - 5);
    const begun = performance.now();
    // Held rather than working: nothing but the server is in the way of growth.
    const work = (): Promise<void> =>
      pool.withConnection(async (client) => {
        await client.query('select 1');
        await new Promise((resolve) => setTimeout(resolve, 50));
      });
    await Promise.all(Array.from({ length: 100 }, work));
    const { createFailures, size, connecting } = pool.stats();
    // The one that may be knocking at this moment is not in yet.
    expect(size - connecting).toBe(5);
    expect(createFailures).toBeGreaterThan(0);
    // At most a few a second: 50 ms to 1 s apart, with the connects that were in flight together.
    expect(createFailures).toBeLessThan(8 + 8 * ((performance.now() - begun) / 1_000));
    expect(pool.state).toBe('ready');
    expect(pool.scalingEvents()).toContainEqual(
      expect.objectContaining({ reason: 'server-limit', to: 5 }),
    );
    expect(pool.explain()).toMatch(
      /ceiling \d+ -> \d+.*, as the server refused one more with \d+ open/,
    );
    await others[Symbol.asyncDispose]();
    await using _holders = hold(pool, 20);
    await expect.poll(() => pool.stats().leased, { timeout: 20_000 }).toBe(20);
  }, 60_000);

  test.each([
    ['role', 'five', undefined],
    ['database', 'app', 'eighteen'],
  ] as const)(
    'F41 the limit of a %s used up by another process is met the same way',
    async (_, role, database) => {
      const limit = database === undefined ? 5 : 18;
      await using others = await takeSlots(urlOf(role, database), limit - 3);
      expect(others.taken).toBe(limit - 3);
      await using pool = poolOf(role, {
        connectionTimeoutMillis: 30_000,
        ...(database === undefined ? {} : { database }),
      });
      let asked = 0;
      // The third may have to wait for the slot of one that was refused.
      do {
        asked += 60;
        await Promise.all(Array.from({ length: 60 }, () => pool.query('select pg_sleep(0.02)')));
      } while (pool.stats().size < 3);
      expect(pool.stats()).toMatchObject({ size: 3, acquires: asked, acquireRejections: 0 });
      expect(pool.scalingEvents()).toContainEqual(
        expect.objectContaining({ reason: 'server-limit', to: 3 }),
      );
    },
    30_000,
  );
});
