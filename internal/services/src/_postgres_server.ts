import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Account, isRoot } from './_account.ts';
import { Keeper, type Order } from './_keeper.ts';
import { temporaryRoot } from './_paths.ts';
import { startAgain } from './_port_taken.ts';
import type { ProvenBinaries } from './_postgres_binaries.ts';
import type { PostgresOptions, RunningPostgres } from './postgres.ts';

/** Of a primary the line goes on with "connections", of a standby with "read-only connections". */
const READY = 'database system is ready to accept';
const START_TIMEOUT_MS = 60_000;
const SHUTDOWN_SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/**
 * After a SIGKILL, PostgreSQL's System V segment (56 bytes, its lock on the data) stays in the kernel; its number is
 * in postmaster.pid, which an orderly end removes.
 */
const FAREWELL = `
id=$(sed -n '7s/.* //p' data/postmaster.pid) && [ -n "$id" ] && ipcrm -m "$id"
`;

/** What a server runs on: its data are in the keeper's folder already. */
export interface PostgresServer {
  readonly keeper: Keeper;
  readonly binaries: ProvenBinaries;
  readonly port: number;
  readonly password: string;
  readonly auth: string;
  /** When its start began. */
  readonly begun: number;
  readonly options: PostgresOptions;
}

export async function openPostgresFolder(
  account: Account,
  log: ((line: string) => void) | undefined,
): Promise<Keeper> {
  const root = await temporaryRoot(isRoot);
  return Keeper.open({
    folder: join(root, `fynlo-pg-${randomBytes(6).toString('hex')}`),
    account,
    stopSignal: 'INT',
    farewell: FAREWELL,
    log,
  });
}

/** Starts the server and waits until it answers. */
export async function runPostgres(server: PostgresServer): Promise<RunningPostgres> {
  const { keeper, binaries, port, password, auth, options } = server;
  let order = serverOrder(server, {});
  await keeper.start(order, READY, START_TIMEOUT_MS);
  const restart = (): Promise<void> => startAgain(keeper, order, READY, START_TIMEOUT_MS);
  const stop = (): Promise<void> => keeper.stop();
  return {
    source: binaries.source,
    url: `postgres://postgres${password === '' ? '' : `:${password}`}@127.0.0.1:${port}/postgres`,
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password,
    database: 'postgres',
    socketDir: keeper.folder,
    version: binaries.version,
    startMs: performance.now() - server.begun,
    durable: options.durable ?? false,
    auth,
    stop,
    kill: () => keeper.kill(),
    shutdown: (mode = 'fast') => keeper.end(SHUTDOWN_SIGNALS[mode]),
    restart,
    follow: async (primary) => {
      await keeper.complete({ command: ['touch', join(keeper.folder, 'data', 'standby.signal')] });
      // Whoever was promoted has no slot for us: what is missing is little, and still there.
      order = serverOrder(server, {
        primary_conninfo: primaryConnInfo(primary),
        primary_slot_name: '',
      });
      await restart();
    },
    freeze: () => keeper.freeze(),
    thaw: () => keeper.thaw(),
    [Symbol.asyncDispose]: stop,
  };
}

/** How a standby reaches its primary. */
export function primaryConnInfo(primary: RunningPostgres): string {
  const { host, port, user, password } = primary;
  return `host=${host} port=${port} user=${user}${password === '' ? '' : ` password=${password}`}`;
}

function serverOrder(
  { keeper, binaries, port, options }: PostgresServer,
  further: Readonly<Record<string, string | number>>,
): Order {
  const walLevel = options.settings?.['wal_level'] ?? (options.replication ? 'replica' : 'minimal');
  const settings: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: keeper.folder,
    max_connections: options.maxConnections ?? 100,
    shared_buffers: '128MB',
    // Files in the data folder: segments in /dev/shm would survive a SIGKILL, and containers keep that small.
    dynamic_shared_memory_type: 'mmap',
    wal_level: walLevel,
    ...(walLevel === 'minimal' ? { max_wal_senders: 0 } : {}),
    // A standby looks for its primary ten times a second instead of every 5 s.
    wal_retrieve_retry_interval: '100ms',
    max_wal_size: '2GB',
    checkpoint_timeout: '30min',
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(options.tls === undefined ? {} : { ssl: 'on' }),
    ...(options.durable === true ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...options.settings,
    ...further,
  };
  return {
    command: [
      join(binaries.bin, 'postgres'),
      ...['-D', join(keeper.folder, 'data')],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    env: { ...binaries.env, LC_ALL: 'C', TZ: 'UTC' },
  };
}
