/**
 * Reading `Pool`'s options: their defaults and limits.
 */
import { type LaneSettings, readPipelining, readPrepare } from './_lane_settings.ts';
import { noting, refuseMisspelt } from './_misspelt_options.ts';
import { check, checkAll, FLAG, oneOf } from './_option_checks.ts';
import { type Hosts, readHosts } from './_pg_hosts.ts';
import type { ConnectionFactory } from './connection_factory.ts';
import { InvalidOptionError } from './errors.ts';
import type { DynamicConnectionPoolManagerOptions } from './options.ts';
import type { PoolOptions } from './pg_options.ts';
import type { PoolerClaim } from './pg_pooler.ts';

/** The options as the pool reads them. Durations in ms; Infinity: never. */
export interface PoolSettings {
  readonly name: string;
  readonly max: number;
  readonly floor: number;
  readonly warm: number;
  readonly idleTimeoutMs: number;
  /** pg-pool closes each when its time is up; the manager, slowly and only when load is low. */
  readonly exactIdle: boolean;
  readonly lifetimeMs: number;
  /** pg-pool's lifetime has no jitter. */
  readonly exactLifetime: boolean;
  readonly acquireTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxUses: number;
  readonly maxWaiting: number;
  readonly discardOnQueryError: boolean;
  readonly reset: 'dirty' | 'always' | 'never';
  readonly resetTimeoutMs: number;
  /** Infinity: silent connections are not looked for. */
  readonly silenceTimeoutMs: number;
  /** undefined: what stands in between is found out. */
  readonly pooler: PoolerClaim | 'none' | undefined;
  readonly hosts: Hosts;
  readonly addressTimeoutMs: number;
  /** Infinity: lag is not looked at. */
  readonly maxReplicaLagMs: number;
  /** Infinity: never. */
  readonly serverCheckIntervalMs: number;
  readonly leases: boolean;
  readonly detectNestedAcquire: boolean;
  /** Undefined: nothing is shared. */
  readonly pipelining: LaneSettings | undefined;
  /** Whether statements get names. */
  readonly prepare: boolean;
  /** Passed on as they are; the manager checks them. */
  readonly manager: Pick<
    DynamicConnectionPoolManagerOptions<unknown>,
    | 'scalingThreshold'
    | 'scaleDownThreshold'
    | 'healthCheckIntervalMs'
    | 'maxConnecting'
    | 'adaptiveCeiling'
    | 'acquireStackEveryMs'
    | 'tuning'
  >;
}

const DEFAULT_MAX = 10;
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_IDLE_TIMEOUT_MS = 10_000;
const DEFAULT_RESET_TIMEOUT_MS = 1_000;
/** Long against any round trip, short against any user's patience; most statements never come near. */
const DEFAULT_SILENCE_TIMEOUT_MS = 1_500;
const DEFAULT_ADDRESS_TIMEOUT_MS = 2_000;
const DEFAULT_SERVER_CHECK_INTERVAL_MS = 5_000;

/** pg-pool opens a connection for each caller while there is room; up to this many at once that harms no server. */
const ALL_AT_ONCE = 10;

/** How long a client of pg-native may take from being connected to saying so. */
export const NATIVE_GRACE_MS = 5_000;

/** The manager's options that make it behave as pg-pool does where nothing else was asked for. */
export function managerOptions<C>(
  settings: PoolSettings,
  factory: ConnectionFactory<C>,
  native: boolean,
): DynamicConnectionPoolManagerOptions<C> {
  const { max, floor, warm, acquireTimeoutMs, resetTimeoutMs } = settings;
  return {
    ...settings.manager,
    factory,
    name: settings.name,
    maxConnections: max,
    minConnections: warm,
    idleFloor: Math.max(floor, warm),
    idleTimeoutMs: settings.idleTimeoutMs,
    exactIdleTimeout: settings.exactIdle,
    connectionLifetimeMs: settings.lifetimeMs,
    lifetimeJitter: settings.exactLifetime ? 0 : 0.1,
    maxUses: settings.maxUses,
    maxWaiting: settings.maxWaiting,
    acquireTimeoutMs,
    connectTimeoutMs: settings.connectTimeoutMs + (native ? NATIVE_GRACE_MS : 0),
    // The session's own limit comes first.
    resetTimeoutMs: resetTimeoutMs + 1_000,
    maxConnecting: settings.manager.maxConnecting ?? (max <= ALL_AT_ONCE ? max : undefined),
    whileDown: acquireTimeoutMs === Number.POSITIVE_INFINITY ? 'reject' : 'wait',
    wrapConnectErrors: false,
  };
}

/** Reads and checks. What pg-pool takes for "not given" (0, null, '') is not given here either. */
export function readPoolOptions(given: PoolOptions): PoolSettings {
  const names = new Set<string>();
  const settings = readNamed(noting(given, names));
  refuseMisspelt(given, names);
  return settings;
}

function readNamed(options: PoolOptions): PoolSettings {
  for (const name of FUNCTIONS) callable(options, name);
  for (const name of TEXTS) {
    // '' is "not given".
    if (options[name]) text(options, name);
  }
  flag(options, 'allowExitOnIdle');
  const max = number(options, 'max', 'a whole number >= 1', whole);
  const poolSize = number(options, 'poolSize', 'a whole number >= 1', whole);
  const maxConnections = number(options, 'maxConnections', 'a whole number >= 1', whole);
  agree('maxConnections', maxConnections, 'max', max ?? poolSize);
  const limit = max ?? poolSize ?? maxConnections ?? DEFAULT_MAX;
  const floor = number(options, 'min', 'a whole number >= 0', whole) ?? 0;
  const warm = number(options, 'minConnections', 'a whole number >= 0', whole) ?? 0;
  if (floor > limit) throw new InvalidOptionError('min', floor, `at most max (${limit})`);
  if (warm > limit) throw new InvalidOptionError('minConnections', warm, `at most max (${limit})`);
  const idleMillis = duration(options, 'idleTimeoutMillis');
  const idleMs = duration(options, 'idleTimeoutMs');
  agree('idleTimeoutMs', idleMs, 'idleTimeoutMillis', idleMillis);
  const lifetimeSeconds = duration(options, 'maxLifetimeSeconds');
  const lifetime = lifetimeSeconds === undefined ? undefined : lifetimeSeconds * 1_000;
  const lifetimeMs = duration(options, 'connectionLifetimeMs');
  agree('connectionLifetimeMs', lifetimeMs, 'maxLifetimeSeconds', lifetime);
  const timeoutMillis = duration(options, 'connectionTimeoutMillis');
  const acquireMs = duration(options, 'acquireTimeoutMs');
  agree('acquireTimeoutMs', acquireMs, 'connectionTimeoutMillis', timeoutMillis);
  const acquireTimeoutMs = orNever(timeoutMillis ?? acquireMs);
  // The manager says what they have to be.
  const asNumber = (name: keyof PoolOptions): number | undefined =>
    number(options, name, 'a number', () => true);
  return {
    name: text(options, 'name') ?? 'pg',
    max: limit,
    floor,
    warm,
    // null is pg-pool's "never" here.
    idleTimeoutMs:
      options.idleTimeoutMillis === null
        ? Number.POSITIVE_INFINITY
        : orNever(idleMillis ?? idleMs ?? DEFAULT_IDLE_TIMEOUT_MS),
    exactIdle: idleMs === undefined,
    lifetimeMs: orNever(lifetime ?? lifetimeMs),
    exactLifetime: lifetime !== undefined,
    acquireTimeoutMs,
    connectTimeoutMs:
      duration(options, 'connectTimeoutMs') ??
      (timeoutMillis !== undefined && timeoutMillis > 0
        ? timeoutMillis
        : DEFAULT_CONNECT_TIMEOUT_MS),
    maxUses: number(options, 'maxUses', 'a number >= 1', (n) => n >= 0) || Number.POSITIVE_INFINITY,
    maxWaiting:
      number(options, 'maxWaiting', 'a whole number >= 0, or Infinity', (n) => n >= 0) ??
      Number.POSITIVE_INFINITY,
    discardOnQueryError: flag(options, 'discardOnQueryError') ?? false,
    reset: choice(options),
    resetTimeoutMs: duration(options, 'resetTimeoutMs') || DEFAULT_RESET_TIMEOUT_MS,
    silenceTimeoutMs: orNever(duration(options, 'silenceTimeoutMs') ?? DEFAULT_SILENCE_TIMEOUT_MS),
    pooler: claim(options),
    hosts: readHosts(options, process.env),
    addressTimeoutMs: duration(options, 'addressTimeoutMs') || DEFAULT_ADDRESS_TIMEOUT_MS,
    maxReplicaLagMs: orNever(duration(options, 'maxReplicaLagMs')),
    serverCheckIntervalMs: orNever(
      duration(options, 'serverCheckIntervalMs') ?? DEFAULT_SERVER_CHECK_INTERVAL_MS,
    ),
    leases: flag(options, 'leases') ?? false,
    detectNestedAcquire: flag(options, 'detectNestedAcquire') ?? false,
    pipelining: readPipelining(options.pipelining),
    prepare: readPrepare(options.prepare),
    manager: {
      scalingThreshold: asNumber('scalingThreshold'),
      scaleDownThreshold: asNumber('scaleDownThreshold'),
      healthCheckIntervalMs: asNumber('healthCheckIntervalMs'),
      maxConnecting: asNumber('maxConnecting'),
      adaptiveCeiling: options.adaptiveCeiling,
      acquireStackEveryMs: asNumber('acquireStackEveryMs'),
      tuning:
        lifetime === undefined
          ? options.tuning
          : { retirePerSecond: Number.POSITIVE_INFINITY, ...options.tuning },
    },
  };
}

function orNever(ms: number | undefined): number {
  return ms === undefined || ms === 0 ? Number.POSITIVE_INFINITY : ms;
}

function whole(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}

/** A number, or a string that is one: options often come from the environment, and pg-pool lets them pass. */
function number(
  options: PoolOptions,
  name: keyof PoolOptions,
  wanted: string,
  fits: (value: number) => boolean,
): number | undefined {
  const value: unknown = options[name];
  if (value === undefined || value === null || value === '' || value === false) return undefined;
  const read = typeof value === 'string' ? Number(value) : value;
  if (typeof read !== 'number' || Number.isNaN(read) || !fits(read)) {
    throw new InvalidOptionError(name, value, wanted);
  }
  // 0 is "not given" wherever it makes no sense, as in pg-pool's `max || 10`.
  return read === 0 && wanted.includes('>= 1') ? undefined : read;
}

function duration(options: PoolOptions, name: keyof PoolOptions): number | undefined {
  return number(options, name, 'a time >= 0', (value) => value >= 0);
}

function flag(options: PoolOptions, name: keyof PoolOptions): boolean | undefined {
  const value: unknown = options[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw new InvalidOptionError(name, value, 'true or false');
  return value;
}

function text(options: PoolOptions, name: keyof PoolOptions): string | undefined {
  const value: unknown = options[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' || value === '') {
    throw new InvalidOptionError(name, value, 'a text that is not empty');
  }
  return value;
}

const TEXTS = ['connectionString', 'host'] as const;
const FUNCTIONS = [
  'lookup',
  'credentials',
  'onConnect',
  'verify',
  'log',
  'Client',
  'Promise',
] as const;

function callable(options: PoolOptions, name: keyof PoolOptions): void {
  const value: unknown = options[name];
  if (value === undefined || value === null || typeof value === 'function') return;
  throw new InvalidOptionError(name, value, 'a function');
}

function choice(options: PoolOptions): 'dirty' | 'always' | 'never' {
  const value: unknown = options.reset;
  if (value === undefined || value === null) return 'dirty';
  if (value === 'dirty' || value === 'always' || value === 'never') return value;
  throw new InvalidOptionError('reset', value, "'dirty', 'always' or 'never'");
}

const POOLER_MODES = ['session', 'transaction', 'statement'] as const;
const POOLER = {
  mode: oneOf(POOLER_MODES),
  name: oneOf(['pgbouncer', 'pgcat', 'pgdog', 'odyssey', 'supavisor', 'rds-proxy', 'unknown']),
  pipelining: FLAG,
  namedStatements: FLAG,
};

function claim(options: PoolOptions): PoolerClaim | 'none' | undefined {
  const value: unknown = options.pooler;
  if (value === undefined || value === null || value === 'auto') return undefined;
  if (value === 'none') return value;
  const named = POOLER_MODES.find((mode) => mode === value);
  if (named !== undefined) return { mode: named };
  if (typeof value !== 'object') {
    const wanted =
      "'auto', 'none', 'session', 'transaction', 'statement', or an object with a mode";
    throw new InvalidOptionError('pooler', value, wanted);
  }
  checkAll(value, POOLER, 'pooler.');
  check('pooler.mode', (value as Partial<PoolerClaim>).mode, POOLER.mode);
  return value as PoolerClaim;
}

function agree(
  name: keyof PoolOptions,
  value: number | undefined,
  other: keyof PoolOptions,
  otherValue: number | undefined,
): void {
  if (value !== undefined && otherValue !== undefined && value !== otherValue) {
    throw new InvalidOptionError(name, value, `the same as ${other} (${otherValue}), or only one`);
  }
}
