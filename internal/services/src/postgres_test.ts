import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { ask } from './ask.ts';
import { ServiceNotOwnedError, ServiceStartError, ServiceStateError } from './errors.ts';
import { type RunningPostgres, startPostgres } from './postgres.ts';

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

describe('the server of a test run', () => {
  test('has 600 connections, and logical decoding for those who read changes', async () => {
    const url = inject('postgresUrl');
    expect(await ask(url, 'show max_connections')).toBe('600');
    expect(await ask(url, 'show wal_level')).toBe('logical');
  });
});

describe('a running server', () => {
  let server: RunningPostgres;

  beforeAll(async () => {
    server = await startPostgres({ external: false, maxConnections: 40 });
  });

  afterAll(async () => {
    await server.stop();
  });

  test('is PostgreSQL 18 from npm, on the loopback interface alone, with what was asked for', async () => {
    expect(server).toMatchObject({
      source: 'npm',
      host: '127.0.0.1',
      user: 'postgres',
      database: 'postgres',
      durable: false,
      auth: 'scram-sha-256',
    });
    expect(server.version).toMatch(/PostgreSQL\) 18\./);
    expect(server.startMs).toBeGreaterThan(0);
    expect(await ask(server.url, 'show listen_addresses')).toBe('127.0.0.1');
    expect(await ask(server.url, 'show max_connections')).toBe('40');
    expect(await ask(server.url, 'show fsync')).toBe('off');
    expect(await ask(server.url, 'show server_encoding')).toBe('UTF8');
  });

  test('checks the password', async () => {
    const wrong = server.url.replace(server.password, 'wrong');
    await expect(connected(wrong)).rejects.toMatchObject({ code: '28P01' });
  });

  test('answers on its Unix socket too', async () => {
    const client = new pg.Client({
      host: server.socketDir ?? '',
      port: server.port,
      user: server.user,
      password: server.password,
      database: server.database,
    });
    await client.connect();
    await client.end();
  });

  test('kill() ends every connection, nobody answers until restart(), and then the data is there', async () => {
    const client = await connected(server.url);
    await client.query('create table kept as select 42 as n');
    const ended = new Promise((resolve) => client.once('end', resolve));
    await server.kill();
    await ended;
    await expect(connected(server.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const { port } = server;
    await server.restart();
    expect(server.port).toBe(port);
    expect(await ask(server.url, 'select n from kept')).toBe(42);
  });

  test('kill() also ends a session that is busy and does not look up', async () => {
    const client = await connected(server.url);
    const busy = client.query(`select count(*) from generate_series(1, 1000000000)`);
    busy.catch(() => undefined);
    const other = await connected(server.url);
    await expect
      .poll(
        async () =>
          (
            await other.query(
              `select 1 from pg_stat_activity where query like '%generate_series(1, 1000000000)' and state = 'active'`,
            )
          ).rowCount,
      )
      .toBe(1);
    await server.kill();
    await expect(busy).rejects.toThrow();
    await server.restart();
    await other.end().catch(() => undefined);
  });

  test('shutdown(fast) tells sessions why they end', async () => {
    const client = await connected(server.url);
    const told = once(client, 'error');
    await server.shutdown();
    expect(await told).toMatchObject([{ code: '57P01' }]);
    await server.restart();
    await ask(server.url, 'select 1');
  });

  test('shutdown(immediate) ends without a checkpoint, and restart() recovers the data', async () => {
    const client = await connected(server.url);
    await client.query('create table recovered as select 7 as n');
    const ended = new Promise((resolve) => client.once('end', resolve));
    await server.shutdown('immediate');
    await ended;
    await server.restart();
    expect(await ask(server.url, 'select n from recovered')).toBe(7);
  });

  test('shutdown(smart) waits for the sessions', async () => {
    const client = await connected(server.url);
    let down = false;
    const shutdown = server.shutdown('smart').then(() => {
      down = true;
    });
    await expect
      .poll(() =>
        connected(server.url).then(
          () => 'in',
          (e) => e.code,
        ),
      )
      .toBe('57P03');
    expect(down).toBe(false);
    await client.query('select 1');
    await client.end();
    await shutdown;
    await server.restart();
  });

  test('freeze() stops every process with its sockets open, and thaw() lets them go on', async () => {
    const client = await connected(server.url);
    server.freeze();
    server.freeze();
    let answered = false;
    const answer = client.query('select 1').then(() => {
      answered = true;
    });
    const late = connected(server.url);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(answered).toBe(false);
    server.thaw();
    server.thaw();
    await answer;
    await (await late).end();
    await client.end();
  });

  test('kill() works on a frozen server', async () => {
    const client = await connected(server.url);
    const ended = new Promise((resolve) => client.once('end', resolve));
    server.freeze();
    await server.kill();
    await ended;
    await server.restart();
    await ask(server.url, 'select 1');
  });

  test('what does not fit its state is refused: restart() when up, the rest when down', async () => {
    await expect(server.restart()).rejects.toThrow(ServiceStateError);
    await server.kill();
    await expect(server.kill()).rejects.toThrow(
      'kill() wants a server that is running; this one is down',
    );
    await expect(server.shutdown()).rejects.toThrow(ServiceStateError);
    expect(() => server.freeze()).toThrow(ServiceStateError);
    const restarts = await Promise.allSettled([server.restart(), server.restart()]);
    expect(restarts.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await ask(server.url, 'select 1');
  });
});

test('several servers run at once, each with its own port, password and folder', async () => {
  const servers = await Promise.all([1, 2, 3].map(() => startPostgres({ external: false })));
  try {
    for (const of of ['port', 'password', 'socketDir'] as const) {
      expect(new Set(servers.map((server) => server[of])).size).toBe(3);
    }
    for (const { url } of servers) expect(await ask(url, 'select 1')).toBe(1);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
});

test('servers that ask for no password start with the same data, and share none afterwards', async () => {
  const [first, second] = await Promise.all(
    [1, 2].map(() => startPostgres({ external: false, auth: 'trust' })),
  );
  try {
    if (first === undefined || second === undefined) throw new Error('two were started');
    await ask(first.url, 'create table mine as select 1 as n');
    expect(await ask(first.url, 'select n from mine')).toBe(1);
    await expect(ask(second.url, 'select n from mine')).rejects.toThrow('"mine" does not exist');
    await using third = await startPostgres({ external: false, auth: 'trust' });
    await expect(ask(third.url, 'select n from mine')).rejects.toThrow('"mine" does not exist');
  } finally {
    await Promise.all([first?.stop(), second?.stop()]);
  }
});

test('what was kept for the next server and cannot be unpacked is not taken', async () => {
  const cache = await mkdtemp(join(tmpdir(), 'kept-'));
  vi.stubEnv('FYNLO_SERVICES_CACHE', cache);
  try {
    await chmod(cache, 0o755);
    const starts = async (): Promise<void> => {
      await using server = await startPostgres({ external: false, auth: 'trust' });
      expect(await ask(server.url, 'select 1')).toBe(1);
    };
    await starts();
    const kept = (await readdir(cache)).filter((name) => name.startsWith('cluster-'));
    expect(kept).toHaveLength(1);
    const archive = join(cache, kept[0] as string);
    await truncate(archive, 100_000);
    await starts();
    expect((await stat(archive)).size).toBeGreaterThan(1_000_000);
  } finally {
    vi.unstubAllEnvs();
    await rm(cache, { recursive: true, force: true });
  }
});

test('trust, durable and settings are passed on, and log gets what the server writes', async () => {
  const lines: string[] = [];
  const server = await startPostgres({
    external: false,
    auth: 'trust',
    durable: true,
    settings: { work_mem: '7MB', log_statement: 'all' },
    log: (line) => lines.push(line),
  });
  try {
    expect([server.password, server.auth, server.durable]).toEqual(['', 'trust', true]);
    expect(await ask(server.url, 'show work_mem')).toBe('7MB');
    expect(await ask(server.url, 'show fsync')).toBe('on');
    await expect.poll(() => lines.join('\n')).toContain('show fsync');
    expect(lines.join('\n')).toContain('ready to accept connections');
  } finally {
    await server.stop();
  }
});

test('stop() removes the folder, is harmless the second time, and works on a server that is down', async () => {
  const server = await startPostgres({ external: false });
  const folder = server.socketDir ?? '';
  expect(existsSync(folder)).toBe(true);
  await server.kill();
  await Promise.all([server.stop(), server.stop()]);
  await server.stop();
  expect(existsSync(folder)).toBe(false);
  await expect(server.restart()).rejects.toThrow(ServiceStateError);
});

test('`await using` stops it', async () => {
  let folder = '';
  {
    await using server = await startPostgres({ external: false });
    folder = server.socketDir ?? '';
    expect(existsSync(folder)).toBe(true);
  }
  expect(existsSync(folder)).toBe(false);
});

test('a setting that the server refuses is in the error, with what to do, and no folder stays', async () => {
  const temporary = await mkdtemp(join(tmpdir(), 'failed-'));
  try {
    await chmod(temporary, 0o1777);
    vi.stubEnv('TMPDIR', temporary);
    const lines: string[] = [];
    const failure = await startPostgres({
      external: false,
      settings: { work_mem: 'lots' },
      log: (line) => lines.push(line),
    }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ServiceStartError);
    expect(failure).toMatchObject({ code: 'ERR_SERVICE_START', service: 'PostgreSQL' });
    expect(lines.join('\n')).toContain(`${temporary}/fynlo-pg-`);
    expect(String(failure)).toContain('invalid value for parameter "work_mem": "lots"');
    expect(String(failure)).toContain('set DATABASE_URL');
    expect(await readdir(temporary)).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
    await rm(temporary, { recursive: true });
  }
});

describe('DATABASE_URL', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test('wins over starting a server, and is left alone', async () => {
    vi.stubEnv('DATABASE_URL', 'postgres://me:p%40ss@db.example:6543/my%20base');
    const server = await startPostgres();
    expect(server).toMatchObject({
      source: 'DATABASE_URL',
      url: 'postgres://me:p%40ss@db.example:6543/my%20base',
      host: 'db.example',
      port: 6543,
      user: 'me',
      password: 'p@ss',
      database: 'my base',
      durable: undefined,
    });
    await expect(server.kill()).rejects.toThrow(ServiceNotOwnedError);
    await expect(server.restart()).rejects.toThrow('this one is given by DATABASE_URL');
    expect(() => server.freeze()).toThrow(ServiceNotOwnedError);
    await server.stop();
  });

  test('is not looked at with external: false', async () => {
    vi.stubEnv('DATABASE_URL', 'postgres://nobody@db.invalid/none');
    await using server = await startPostgres({ external: false });
    expect(server.source).toBe('npm');
  });
});
