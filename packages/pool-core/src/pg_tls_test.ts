/** F03: TLS that does not hold what it promises ends before anything is said. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFaultProxy } from '@fynlo/services/fault-proxy';
import { type RunningPostgres, startPostgres } from '@fynlo/services/postgres';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import { LostTime } from './_lost_time_fixture.ts';
import { caught, delay, until } from './_pg_conformance.ts';
import type { PoolOptions } from './pg_options.ts';
import { Pool } from './pool.ts';

const PASSWORD = 'a secret that must not travel in the clear';
const folder = mkdtempSync(join(tmpdir(), 'fynlo-tls-'));
const openssl = (...args: string[]): string =>
  execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });

let server: RunningPostgres;
let good: string;
let expired: string;
const recorders: Recorder[] = [];
let pool: Pool;

/** Carries on to a server and remembers what clients said to it. */
class Recorder {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  said: Buffer = Buffer.alloc(0);
  connections = 0;
  port = 0;

  private constructor(target: number) {
    this.#server = createServer((client) => {
      this.connections++;
      client.on('data', (data) => {
        this.said = Buffer.concat([this.said, data]);
      });
      const onward = connect(target, '127.0.0.1');
      for (const socket of [client, onward]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
      }
      client.pipe(onward).pipe(client);
    });
  }

  static async before(target: number): Promise<Recorder> {
    const recorder = new Recorder(target);
    await new Promise<void>((resolve) => recorder.#server.listen(0, '127.0.0.1', resolve));
    recorder.port = (recorder.#server.address() as { port: number }).port;
    recorders.push(recorder);
    return recorder;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

beforeAll(async () => {
  const san = 'subjectAltName=DNS:db.test';
  openssl(
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-keyout', 'key.pem', '-out', 'good.pem', '-days', '2', '-subj', '/CN=db.test'],
    ...['-addext', san],
  );
  openssl('req', '-new', '-key', 'key.pem', '-subj', '/CN=db.test', '-addext', san, '-out', 'csr');
  openssl(
    ...['x509', '-req', '-in', 'csr', '-signkey', 'key.pem', '-days', '-1'],
    ...['-copy_extensions', 'copy', '-out', 'expired.pem'],
  );
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  good = read('good.pem');
  expired = read('expired.pem');
  server = await startPostgres({ external: false, tls: { cert: good, key: read('key.pem') } });
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await admin.query(`create role app login password '${PASSWORD}'`);
  await admin.end();
});

afterEach(async () => {
  if (!pool.ending) await pool.end({ graceMs: 0 });
  for (const recorder of recorders.splice(0)) recorder.close();
});

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function make(options: PoolOptions): Pool {
  pool = new Pool({
    host: 'db.test',
    lookup: (_name, _options, answer) => answer(null, [{ address: '127.0.0.1', family: 4 }]),
    user: 'app',
    password: PASSWORD,
    database: 'postgres',
    connectionTimeoutMillis: 5_000,
    max: 4,
    ...options,
  });
  return pool;
}

/** All who wait are told at once, one attempt a second is made, and nothing of ours was readable on the way. */
async function expectFatal(recorder: Recorder, code: unknown): Promise<void> {
  using lost = new LostTime();
  const begun = performance.now();
  const errors = await Promise.all(Array.from({ length: 8 }, () => caught(pool.connect())));
  expect(errors.map((error) => error.code)).toEqual(errors.map(() => code));
  // Some handshakes on a busy machine are in it.
  expect(performance.now() - begun).toBeLessThan(200 + 300 + lost.ms);
  const attempts = recorder.connections;
  const end = performance.now() + 1_200;
  while (performance.now() < end) {
    await caught(pool.connect());
    await delay(20);
  }
  expect(recorder.connections - attempts).toBeLessThanOrEqual(2);
  for (const word of [PASSWORD, 'app', 'postgres', 'SCRAM']) {
    expect(recorder.said.includes(word)).toBe(false);
  }
}

test('a name that the certificate is for is accepted, though the socket goes to an address', async () => {
  const recorder = await Recorder.before(server.port);
  make({ port: recorder.port, ssl: { ca: good } });
  const { rows } = await pool.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
  expect(rows).toEqual([{ ssl: true }]);
  expect(recorder.said.includes(PASSWORD)).toBe(false);
});

test('F03 a certificate for another host is fatal', async () => {
  const recorder = await Recorder.before(server.port);
  make({ host: 'other.test', port: recorder.port, ssl: { ca: good } });
  await expectFatal(recorder, 'ERR_TLS_CERT_ALTNAME_INVALID');
});

test('F03 a certificate that nobody trusted is fatal', async () => {
  const recorder = await Recorder.before(server.port);
  make({ port: recorder.port, ssl: true });
  await expectFatal(recorder, 'DEPTH_ZERO_SELF_SIGNED_CERT');
});

test('F03 an expired certificate is fatal', async () => {
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  const { rows } = await admin.query('show data_directory');
  const path = `${rows[0].data_directory}/expired.crt`;
  const file = await admin.query('select lo_from_bytea(0, $1) as oid', [Buffer.from(expired)]);
  await admin.query('select lo_export($1, $2)', [file.rows[0].oid, path]);
  await admin.query(`alter system set ssl_cert_file = '${path}'`);
  await admin.query('select pg_reload_conf()');
  try {
    const recorder = await Recorder.before(server.port);
    make({ port: recorder.port, ssl: { ca: expired } });
    await expect.poll(async () => (await caught(pool.connect())).code).toBe('CERT_HAS_EXPIRED');
    await expectFatal(recorder, 'CERT_HAS_EXPIRED');
  } finally {
    await admin.query('alter system reset ssl_cert_file');
    await admin.query('select pg_reload_conf()');
    await admin.end();
  }
});

test('F03 a server without TLS, where it is required, hears 8 bytes and no more', async () => {
  const plain = Number(new URL(inject('postgresUrl')).port);
  const recorder = await Recorder.before(plain);
  make({ port: recorder.port, ssl: { ca: good } });
  const error = await caught(pool.connect());
  expect(error.message).toBe('The server does not support SSL connections');
  await expectFatal(recorder, undefined);
  // SSLRequest: its length, and the code 80877103.
  const request = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
  const all = Array.from({ length: recorder.connections }, () => request);
  expect(recorder.said).toEqual(Buffer.concat(all));
});

test('F03 with several hosts, the one whose certificate is good is taken', async () => {
  const bad = await Recorder.before(Number(new URL(inject('postgresUrl')).port));
  const proxy = await startFaultProxy(server);
  make({
    host: undefined,
    hosts: [
      { host: 'db.test', port: bad.port },
      { host: 'other.test', port: proxy.port },
      { host: 'db.test', port: proxy.port },
    ],
    ssl: { ca: good },
  });
  const { rows } = await pool.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
  expect(rows).toEqual([{ ssl: true }]);
  await pool.end();
  await proxy.close();
});

/** An authority, and a client certificate of its for the role. */
function clientOf(ca: string): {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
} {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    ...['req', '-x509', ...curve, '-keyout', `${ca}.key`, '-out', `${ca}.pem`],
    ...['-days', '2', '-subj', `/CN=${ca}`],
  );
  openssl('req', '-new', ...curve, '-keyout', `${ca}-app.key`, '-subj', '/CN=app', '-out', 'csr');
  openssl(
    ...['x509', '-req', '-in', 'csr', '-CA', `${ca}.pem`, '-CAkey', `${ca}.key`],
    ...['-CAcreateserial', '-days', '2', '-out', `${ca}-app.pem`],
  );
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  return { ca: read(`${ca}.pem`), cert: read(`${ca}-app.pem`), key: read(`${ca}-app.key`) };
}

test('F77 credentials() gives the client certificate too: one of another authority is used without a restart, also by who asks about silent connections', async () => {
  const clients = { old: clientOf('old'), renewed: clientOf('renewed') };
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  const { rows } = await admin.query('show data_directory');
  const path: string = `${rows[0].data_directory}/client-ca.crt`;
  // What the server trusts, and that it wants a certificate of the role over TCP.
  async function trust(ca: string): Promise<void> {
    const { rows } = await admin.query('select lo_from_bytea(0, $1) as oid', [Buffer.from(ca)]);
    await admin.query('select lo_export($1, $2)', [rows[0].oid, path]);
    await admin.query('select pg_reload_conf()');
  }
  const { rows: files } = await admin.query('show hba_file');
  const hba: string = files[0].hba_file;
  const before = readFileSync(hba);
  try {
    await admin.query(`alter system set ssl_ca_file = '${path}'`);
    const onlyCertificates = `hostssl all app 127.0.0.1/32 cert\n${before}`;
    writeFileSync(hba, onlyCertificates);
    await trust(clients.old.ca);
    let { cert, key } = clients.old;
    const proxy = await startFaultProxy(server);
    make({
      port: proxy.port,
      // Who waits is not refused while there is a connection that may come back.
      connectionTimeoutMillis: 800,
      silenceTimeoutMs: 300,
      credentials: async () => ({ user: 'app', password: '', ssl: { ca: good, cert, key } }),
    });
    const first = await pool.connect();
    expect((await first.query('select current_user as me')).rows).toEqual([{ me: 'app' }]);
    await trust(clients.renewed.ca);
    // The old one will not do any more, and the connection from before goes on.
    await until('refused', async () => {
      const error = await pool.query('select 1').catch((error: Error) => error);
      return error instanceof Error;
    });
    ({ cert, key } = clients.renewed);
    await until('mended', async () =>
      pool.query('select 1').then(
        () => true,
        () => false,
      ),
    );
    expect((await first.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
    // Who asks about a silent connection logs in with the certificate as well.
    proxy.set('blackhole', { existing: true, fresh: false });
    const error = await caught(first.query('select 1'));
    expect(error).toMatchObject({ code: 'ERR_POOL_CONNECTION_LOST' });
    expect(error.message).toContain('the server does not work on the statement');
    first.release();
    await pool.end({ graceMs: 0 });
    await proxy.close();
  } finally {
    writeFileSync(hba, before);
    await admin.query('alter system reset ssl_ca_file');
    await admin.query('select pg_reload_conf()');
    await admin.end();
  }
});
