/**
 * A Redis server of one's own, for tests, the bench and `npm start`.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { run } from './_command.ts';
import {
  type DebianProgram,
  type PackagedProgram,
  programFromPackages,
} from './_debian_package.ts';
import { freePort } from './_free_port.ts';
import { Keeper, type Order } from './_keeper.ts';
import { onPath, temporaryRoot } from './_paths.ts';
import { isPortTaken, startAgain } from './_port_taken.ts';
import { messageOf, ServiceNotOwnedError, ServiceStartError } from './errors.ts';

/** How the server is set up. */
export interface RedisOptions {
  /**
   * `true`: every write is in the append-only file before it is acknowledged, and is there after a {@link
   * RunningRedis.kill}. `false`: a restart begins empty. @default false
   */
  durable?: boolean;
  /** Further settings of redis.conf; they win over ours. */
  settings?: Readonly<Record<string, string | number>>;
  /** Gets what the server writes, line by line. */
  log?(line: string): void;
  /** Gets a line where something takes long: fetching the packages takes some seconds the first time. */
  note?(line: string): void;
  /** Whether `REDIS_URL`, where set, is used instead of starting a server. @default true */
  external?: boolean;
}

/** A server that answers. */
export interface RunningRedis extends AsyncDisposable {
  /** Where it comes from: the environment, a program on PATH, or the distribution's packages. */
  readonly source: 'REDIS_URL' | 'path' | 'apt';
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The Unix socket; absent for a server from `REDIS_URL`. */
  readonly socket?: string;
  /** As `redis-server --version` says it; `unknown` for a server from `REDIS_URL`. */
  readonly version: string;
  /** How long the start took, in milliseconds. */
  readonly startMs: number;
  /** As it was started; undefined for a server from `REDIS_URL`. */
  readonly durable: boolean | undefined;
  /** Ends the server and removes everything of it. Harmless the second time, and for a server from `REDIS_URL`. */
  stop(): Promise<void>;
  /**
   * SIGKILL, as a crash. Returns when it is gone.
   * @throws {ServiceStateError} when it is down, {@link ServiceNotOwnedError} when it is not ours
   */
  kill(): Promise<void>;
  /** SIGTERM: Redis' own shutdown. Returns when it is down. */
  shutdown(): Promise<void>;
  /** Starts it again on the same folder and port after {@link kill} or {@link shutdown}. Returns when it answers. */
  restart(): Promise<void>;
  /** SIGSTOP: the sockets stay open, and nobody answers. */
  freeze(): void;
  /** SIGCONT after {@link freeze}; harmless without. */
  thaw(): void;
}

// Redis says "Ready to accept connections", Valkey and old versions "ready to ..."
const READY = 'eady to accept connections';
const START_TIMEOUT_MS = 15_000;

/** The program is redis-tools' redis-check-rdb; redis-server is a link to it, and its name decides what it does. */
const PACKAGE: DebianProgram = {
  name: 'redis-server',
  packages: ['redis-tools', 'redis-server'],
  path: 'usr/bin/redis-server',
};

const ADVICE = [
  'set REDIS_URL to a running server, for example redis://127.0.0.1:6379',
  'install one: apt-get install redis-server | dnf install valkey | apk add valkey | brew install redis',
];

/**
 * Starts a server on the loopback interface, or takes the one that `REDIS_URL` names. The program is redis-server or
 * valkey-server from PATH, else Debian's or Ubuntu's package, unpacked below the clone without any right of root.
 *
 * @throws {ServiceStartError} when there is no server to start, with what was tried and what to do
 *
 * @example
 * ```ts
 * import { startRedis } from '@fynlo/services/redis';
 *
 * const server = await startRedis({ external: false });
 * console.log(server.url, server.source, server.version);
 * await server.stop();
 * ```
 */
export async function startRedis(options: RedisOptions = {}): Promise<RunningRedis> {
  const external = process.env['REDIS_URL'];
  if (external && options.external !== false) return fromUrl(external);
  const begun = performance.now();
  const program = await findProgram(options.note ?? (() => undefined));
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(program, options, begun);
    } catch (error) {
      if (isPortTaken(error) && attempt < 5) continue;
      throw new ServiceStartError('Redis', [messageOf(error)], ADVICE, error);
    }
  }
}

interface Found extends PackagedProgram {
  readonly source: 'path' | 'apt';
  readonly version: string;
}

async function findProgram(note: (line: string) => void): Promise<Found> {
  const tried: string[] = [];
  const path = await onPath('redis-server', 'valkey-server');
  if (path === undefined) tried.push('no redis-server or valkey-server on PATH');
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
  throw new ServiceStartError('Redis', tried, ADVICE);
}

async function probe(source: 'path' | 'apt', program: PackagedProgram): Promise<Found> {
  const { code, output } = await run(program.path, ['--version'], {
    env: { ...process.env, ...program.env },
  });
  if (code !== 0) throw new Error(`${program.path} does not run here: ${output}`);
  // "Redis server v=7.0.15 sha=..." or "Valkey server v=8.0.1 sha=..."
  const version = /^(\S+) server v=(\S+)/m.exec(output)?.slice(1, 3).join(' ') ?? output;
  return { ...program, source, version };
}

async function startOnce(
  program: Found,
  options: RedisOptions,
  begun: number,
): Promise<RunningRedis> {
  const durable = options.durable ?? false;
  const port = await freePort();
  const keeper = await Keeper.open({
    folder: join(await temporaryRoot(false), `fynlo-redis-${randomBytes(6).toString('hex')}`),
    account: {},
    stopSignal: 'TERM',
    log: options.log === undefined ? undefined : (line) => options.log?.(line),
  });
  const socket = join(keeper.folder, 'socket');
  const settings: Record<string, string | number> = {
    bind: '127.0.0.1',
    port,
    unixsocket: socket,
    unixsocketperm: 700,
    dir: keeper.folder,
    daemonize: 'no',
    save: '',
    ...(durable ? { appendonly: 'yes', appendfsync: 'always' } : { appendonly: 'no' }),
    maxclients: 10_000,
    loglevel: 'notice',
    ...options.settings,
  };
  const order: Order = {
    command: [
      program.path,
      ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ],
    env: program.env,
  };
  try {
    await keeper.start(order, READY, START_TIMEOUT_MS);
  } catch (error) {
    await keeper.stop();
    throw error;
  }
  const stop = (): Promise<void> => keeper.stop();
  return {
    source: program.source,
    url: `redis://127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    socket,
    version: program.version,
    startMs: performance.now() - begun,
    durable,
    stop,
    kill: () => keeper.kill(),
    shutdown: () => keeper.end('SIGTERM'),
    restart: () => startAgain(keeper, order, READY, START_TIMEOUT_MS),
    freeze: () => keeper.freeze(),
    thaw: () => keeper.thaw(),
    [Symbol.asyncDispose]: stop,
  };
}

function fromUrl(url: string): RunningRedis {
  const parsed = new URL(url);
  const refuse = (action: string): never => {
    throw new ServiceNotOwnedError(action, 'REDIS_URL');
  };
  return {
    source: 'REDIS_URL',
    url,
    host: parsed.hostname,
    port: Number(parsed.port || 6379),
    version: 'unknown',
    startMs: 0,
    durable: undefined,
    stop: async () => undefined,
    kill: async () => refuse('kill'),
    shutdown: async () => refuse('shutdown'),
    restart: async () => refuse('restart'),
    freeze: () => refuse('freeze'),
    thaw: () => refuse('thaw'),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
