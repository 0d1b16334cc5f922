/**
 * A PgBouncer of one's own in front of a PostgreSQL, for tests and the bench.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { unprivilegedName } from './_account.ts';
import { run } from './_command.ts';
import {
  type DebianProgram,
  type PackagedProgram,
  programFromPackages,
} from './_debian_package.ts';
import { freePort } from './_free_port.ts';
import { Keeper, type Order } from './_keeper.ts';
import { exists, onPath, temporaryRoot } from './_paths.ts';
import { isPortTaken, startAgain } from './_port_taken.ts';
import { messageOf, ServiceStartError } from './errors.ts';

/** When a client gives its server connection back: when it goes, after each transaction, after each statement. */
export type PoolMode = 'session' | 'transaction' | 'statement';

/** How the pooler is set up. */
export interface PgBouncerOptions {
  /** @default 'transaction' */
  poolMode?: PoolMode;
  /**
   * How many protocol-level prepared statements it keeps per server connection; 0: it does not keep track of them. PgBouncer
   * before 1.21 cannot: anything but 0 is refused there. @default 0
   */
  maxPreparedStatements?: number;
  /** Server connections per user and database. @default 20 */
  defaultPoolSize?: number;
  /** Further settings of its `[pgbouncer]` section; they win over ours. */
  settings?: Readonly<Record<string, string | number>>;
  /** Gets what it writes, line by line. */
  log?(line: string): void;
  /** Gets a line where something takes long: fetching the package takes some seconds the first time. */
  note?(line: string): void;
}

/** A pooler that answers. */
export interface RunningPgBouncer extends AsyncDisposable {
  /** Where the program comes from: PATH, or the distribution's packages. */
  readonly source: 'path' | 'apt';
  /** The PostgreSQL behind it, through it: its user, password and database. */
  readonly url: string;
  /** Its admin console, for the same user. */
  readonly adminUrl: string;
  readonly host: string;
  readonly port: number;
  readonly poolMode: PoolMode;
  /** Such as `1.18.0`. */
  readonly version: string;
  /** Ends it and removes everything of it. Harmless the second time. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash. Returns when it is gone. @throws {ServiceStateError} when it is down */
  kill(): Promise<void>;
  /** Starts it again on the same port after {@link kill}. Returns when it answers. */
  restart(): Promise<void>;
  /** SIGSTOP: the sockets stay open, and nobody answers. */
  freeze(): void;
  /** SIGCONT after {@link freeze}; harmless without. */
  thaw(): void;
}

const READY = 'process up: PgBouncer';
const START_TIMEOUT_MS = 15_000;

const PACKAGE: DebianProgram = {
  name: 'pgbouncer',
  packages: ['pgbouncer'],
  path: 'usr/sbin/pgbouncer',
};

const ADVICE = [
  'install one: apt-get install pgbouncer | dnf install pgbouncer | apk add pgbouncer | brew install pgbouncer',
];

/**
 * Starts a PgBouncer on the loopback interface in front of the PostgreSQL that `url` names. The program comes from PATH, else
 * from Debian's or Ubuntu's package, unpacked below the clone without any right of root. The URL's user logs in with its own
 * password; others are looked up in the server (`auth_query`), where that user may do so.
 *
 * @throws {ServiceStartError} when there is none to start, or not with these options: with what was tried and what to do
 *
 * @example
 * ```ts
 * import { startPgBouncer } from '@fynlo/services/pgbouncer';
 * import { startPostgres } from '@fynlo/services/postgres';
 *
 * await using postgres = await startPostgres({ external: false });
 * await using pooler = await startPgBouncer(postgres.url, { poolMode: 'transaction' });
 * console.log(pooler.url, pooler.version);
 * ```
 */
export async function startPgBouncer(
  url: string,
  options: PgBouncerOptions = {},
): Promise<RunningPgBouncer> {
  const program = await findProgram(options.note ?? (() => undefined));
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(program, new URL(url), options);
    } catch (error) {
      if (isPortTaken(error) && attempt < 5) continue;
      throw new ServiceStartError('PgBouncer', [messageOf(error)], ADVICE, error);
    }
  }
}

interface Found extends PackagedProgram {
  readonly source: 'path' | 'apt';
  readonly version: string;
}

async function findProgram(note: (line: string) => void): Promise<Found> {
  const tried: string[] = [];
  // Distributions put it where an ordinary user's PATH does not lead.
  const installed = '/usr/sbin/pgbouncer';
  const path = (await onPath('pgbouncer')) ?? ((await exists(installed)) ? installed : undefined);
  if (path === undefined) tried.push('no pgbouncer on PATH');
  else {
    try {
      return await probe('path', { path, env: {} });
    } catch (error) {
      tried.push(messageOf(error));
    }
  }
  try {
    return await probe('apt', await programFromPackages(PACKAGE, note));
  } catch (error) {
    tried.push(messageOf(error));
  }
  throw new ServiceStartError('PgBouncer', tried, ADVICE);
}

async function probe(source: 'path' | 'apt', program: PackagedProgram): Promise<Found> {
  const { code, output } = await run(program.path, ['--version'], {
    env: { ...process.env, ...program.env },
  });
  const version = /^PgBouncer (\S+)/m.exec(output)?.[1];
  if (code !== 0 || version === undefined) {
    throw new Error(`${program.path} does not run here: ${output}`);
  }
  return { ...program, source, version };
}

async function startOnce(
  program: Found,
  server: URL,
  options: PgBouncerOptions,
): Promise<RunningPgBouncer> {
  const poolMode = options.poolMode ?? 'transaction';
  const prepared = preparedSetting(program.version, options.maxPreparedStatements ?? 0);
  const port = await freePort();
  const user = decodeURIComponent(server.username);
  const password = decodeURIComponent(server.password);
  const keeper = await Keeper.open({
    folder: join(await temporaryRoot(false), `fynlo-pgb-${randomBytes(6).toString('hex')}`),
    account: {},
    // It has nothing to lose, and its orderly ways (which changed in 1.23) wait for clients.
    stopSignal: 'KILL',
    log: options.log === undefined ? undefined : (line) => options.log?.(line),
  });
  try {
    // Root's keeper starts it as root, and it gives that up itself: so it can read its files wherever they are.
    const account = await unprivilegedName();
    const settings: Record<string, string | number> = {
      listen_addr: '127.0.0.1',
      listen_port: port,
      unix_socket_dir: '',
      ...(account === undefined ? {} : { user: account }),
      // The plain password serves towards both sides, which a SCRAM secret does only if it is the server's own.
      auth_type: password === '' ? 'trust' : 'scram-sha-256',
      auth_file: keeper.writeFile('userlist.txt', `${listed(user)} ${listed(password)}\n`),
      auth_user: user,
      admin_users: user,
      pool_mode: poolMode,
      ...prepared,
      default_pool_size: options.defaultPoolSize ?? 20,
      max_client_conn: 1_000,
      // The database may come and go between tests: a failed login is not to be remembered for 15 s.
      server_login_retry: 1,
      ...options.settings,
    };
    const config = [
      '[databases]',
      `* = host=${server.hostname} port=${server.port || 5432}`,
      '[pgbouncer]',
      ...Object.entries(settings).map(([name, value]) => `${name} = ${value}`),
    ];
    const order: Order = {
      command: [program.path, keeper.writeFile('pgbouncer.ini', `${config.join('\n')}\n`)],
      env: program.env,
    };
    await keeper.start(order, READY, START_TIMEOUT_MS);
    const front = new URL(server);
    front.host = `127.0.0.1:${port}`;
    const admin = new URL(front);
    admin.pathname = '/pgbouncer';
    const stop = (): Promise<void> => keeper.stop();
    return {
      source: program.source,
      url: front.href,
      adminUrl: admin.href,
      host: '127.0.0.1',
      port,
      poolMode,
      version: program.version,
      stop,
      kill: () => keeper.kill(),
      restart: () => startAgain(keeper, order, READY, START_TIMEOUT_MS),
      freeze: () => keeper.freeze(),
      thaw: () => keeper.thaw(),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await keeper.stop();
    throw error;
  }
}

/** The setting is unknown before 1.21, where an unknown setting is an error. */
function preparedSetting(version: string, count: number): Record<string, number> {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 1 || minor >= 21) return { max_prepared_statements: count };
  if (count === 0) return {};
  throw new Error(`PgBouncer ${version} keeps no prepared statements: 1.21 is the first that does`);
}

/** A word of the userlist. */
function listed(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
