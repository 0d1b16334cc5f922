import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type FaultSetting, throughProxy } from './_fault_fixture.ts';
import { GarblingRelay } from './_garbling_relay_fixture.ts';
import { Load } from './_load_fixture.ts';
import { Oracle } from './_oracle_fixture.ts';
import { caught, until } from './_pg_conformance.ts';
import { Pool } from './pool.ts';

let admin: pg.Client;
beforeAll(async () => {
  admin = new pg.Client({ connectionString: inject('postgresUrl') });
  await admin.connect();
});
afterAll(() => admin.end());

const pidOf = (client: unknown): number => (client as { processID: number }).processID;

/** Opens `count` connections; they are idle afterwards. */
async function open(pool: Pool, count: number): Promise<number[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => pool.connect()));
  const pids = clients.map(pidOf);
  for (const client of clients) client.release();
  return pids;
}

async function pidNow(pool: Pool): Promise<number> {
  const { rows } = await pool.query('select pg_backend_pid() as pid');
  return rows[0].pid;
}

describe('F12 backends that an operator terminates', () => {
  test('cost nobody anything when they were idle, and are replaced', async () => {
    await using setting = await throughProxy(inject('postgresUrl'), { max: 8, minConnections: 8 });
    const { pool, oracle } = setting;
    const pids = await open(pool, 8);
    const load = new Load(pool, { callers: 2 });
    await until('the load runs', () => load.ok > 20);
    // The coldest: two callers use the two or three hottest.
    const { rows } = await admin.query(
      'select pid from pg_stat_activity where pid = any($1) order by state_change limit 4',
      [pids],
    );
    for (const { pid } of rows) await admin.query('select pg_terminate_backend($1)', [pid]);
    await until('the pool has noticed', () => pool.stats().destroyed['connection-error'] === 4);
    await until('they are replaced', () => pool.totalCount === 8 && pool.idleCount >= 6);
    await load.stop();
    expect([load.failed, load.refused]).toEqual([[], []]);
    expect(pool.scalingEvents().at(-1)?.reason).toBe('minimum');
    await oracle.settled();
  });

  test('cost exactly their users one error each when they were lent', async () => {
    await using setting = await throughProxy(inject('postgresUrl'), { max: 6 });
    const { pool, oracle } = setting;
    const clients = await Promise.all(Array.from({ length: 6 }, () => pool.connect()));
    const running = Promise.allSettled(
      clients.map((client) => client.query('select pg_sleep(0.5)')),
    );
    for (const client of clients.slice(0, 2)) {
      await admin.query('select pg_terminate_backend($1)', [pidOf(client)]);
    }
    const outcomes = await running;
    expect(outcomes.map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      ...Array(4).fill('fulfilled'),
    ]);
    for (const outcome of outcomes.slice(0, 2)) {
      expect(outcome).toMatchObject({ reason: { code: '57P01' } });
    }
    for (const client of clients) client.release();
    await until('the dead are closed', () => pool.stats().size === 4);
    expect(pool.stats().destroyed).toEqual({ 'connection-error': 2 });
    await oracle.settled();
  });
});

describe('F15 half-open connections: the server is gone and nobody said so', () => {
  test('that are idle are found by the health check before a user has one', async () => {
    await using setting = await throughProxy(inject('postgresUrl'), {
      minConnections: 4,
      healthCheckIntervalMs: 300,
      silenceTimeoutMs: 500,
    });
    const { pool, proxy, oracle } = setting;
    const dead = await open(pool, 4);
    proxy.set('half-open', { fresh: false });
    await until('all are replaced', () => pool.stats().created === 8 && pool.idleCount === 4);
    const pids = await Promise.all([1, 2, 3, 4].map(() => pidNow(pool)));
    expect(pids.filter((pid) => dead.includes(pid))).toEqual([]);
    proxy.set('pass');
    await oracle.settled();
  });

  test('that are lent fail their users, who are told that the statement may have run; the others are not handed out', async () => {
    await using setting = await throughProxy(inject('postgresUrl'), { silenceTimeoutMs: 500 });
    const { pool, proxy, oracle } = setting;
    const dead = await open(pool, 4);
    const client = await pool.connect();
    await client.query('begin');
    proxy.set('half-open', { fresh: false });
    const error = await caught(client.query('select 1'));
    expect(error).toMatchObject({ code: 'ERR_POOL_CONNECTION_LOST', maybeExecuted: true });
    client.release();
    const pids = await Promise.all([1, 2, 3, 4].map(() => pidNow(pool)));
    expect(pids.filter((pid) => dead.includes(pid))).toEqual([]);
    proxy.set('pass');
    await oracle.settled();
  });
});

describe('F18 a connection that ends in the middle of an answer', () => {
  const LONG = "select repeat('x', 2000) from generate_series(1, 20000)";

  async function failsAndIsReplaced(
    { pool, oracle }: FaultSetting,
    running: Promise<unknown>,
    pid: number,
  ): Promise<Error> {
    const error = await caught(running);
    expect(await pidNow(pool)).not.toBe(pid);
    await oracle.settled();
    return error;
  }

  test('by RST fails its statement and is never lent again', async () => {
    await using setting = await throughProxy(inject('postgresUrl'), { max: 1 });
    const { pool, proxy } = setting;
    const pid = await pidNow(pool);
    const before = proxy.bytesToClient;
    proxy.set('throttle', { bytesPerSecond: 5_000_000, fresh: false });
    const running = pool.query(LONG);
    await until('the answer is under way', () => proxy.bytesToClient - before > 100_000);
    proxy.cutAll('reset');
    await failsAndIsReplaced(setting, running, pid);
  });

  test('by FIN in the middle of a message fails its statement and is never lent again', async () => {
    await using setting = await throughProxy(inject('postgresUrl'), { max: 1 });
    const { pool, proxy } = setting;
    const pid = await pidNow(pool);
    proxy.set('fin-mid-message', { fresh: false });
    const error = await failsAndIsReplaced(setting, pool.query('select 1'), pid);
    expect(error.message).toContain('Connection terminated');
  });
});

describe('F18 bytes that make no sense', () => {
  /** A row of one column: type, length, number of columns, length of the first. */
  const ROW = 'D'.charCodeAt(0);
  test.each<[string, (answer: Buffer) => void]>([
    ['a message of a type there is not', (answer) => answer.writeUInt8(0x24, 0)],
    [
      'a message that is longer than all there is',
      (answer) => answer.writeUInt32BE(0x7f_00_00_00, 1),
    ],
    ['a message shorter than its own header', (answer) => answer.writeUInt32BE(0, 1)],
    [
      'a row with a column of a negative length',
      (answer) => answer.writeInt32BE(-70_000, answer.indexOf(ROW) + 7),
    ],
    [
      'a row with a negative number of columns',
      (answer) => answer.writeInt16BE(-3, answer.indexOf(ROW) + 5),
    ],
    ['nothing but noise', (answer) => void answer.fill(0xd7)],
  ])(
    '%s: the statement fails, the connection is never lent again, the process lives',
    async (_, garble) => {
      await using relay = await GarblingRelay.start(inject('postgresUrl'));
      const oracle = new Oracle(
        (own) => new Pool({ connectionString: relay.url, max: 1, silenceTimeoutMs: 400, ...own }),
        inject('postgresUrl'),
      );
      const { pool } = oracle;
      const pid = await pidNow(pool);
      // Lent by connect(), and given back as if nothing had happened.
      const client = await pool.connect();
      relay.garbleNext(garble);
      const error = await caught(client.query('select 1 as one, 2 as two'));
      expect(error.message).toMatch(/cannot be read|invalid response|fell silent|unexpected/);
      client.release();
      expect(await pidNow(pool)).not.toBe(pid);
      await oracle.settled();
      await oracle.ended();
    },
  );

  test('what a listener of the application throws stays its own exception', async () => {
    const thrown: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => void thrown.push(error));
    const pool = new Pool({ connectionString: inject('postgresUrl'), max: 1 });
    try {
      const client = await pool.connect();
      const query = client.query(new pg.Query('select 1'));
      query.on('error', () => {});
      query.on('row', () => {
        throw new RangeError('of a listener');
      });
      await until('it is told', () => thrown.length > 0);
      client.release();
      expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
      await pool.end({ graceMs: 0 });
    }
    expect(thrown.map(String)).toEqual(['RangeError: of a listener']);
  });
});
