/**
 * The options of `Pool`: pg-pool's, with its defaults, and what this pool can do beyond it.
 */
import type { LookupFunction } from 'node:net';
import type pg from 'pg';
import type { TargetSessionAttrs } from './_host_policy.ts';
import type { PipeliningOptions } from './pg_pipelining_options.ts';
import type { PoolerClaim, PoolerMode } from './pg_pooler.ts';
import type { Tuning } from './tuning_options.ts';

/** One server of a list. */
export interface HostAddress {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  /** @default the option `port`, else 5432 */
  readonly port?: number | undefined;
}

/** What `credentials` gives. */
export interface LoginCredentials {
  readonly user: string;
  readonly password: string;
  /** In place of the option `ssl`: a client certificate or the authorities change with their login. @default the option `ssl` */
  readonly ssl?: pg.PoolConfig['ssl'];
}

/**
 * What `new Pool()` takes. The whole object is also given to every pg Client, as pg-pool does, so all options of a Client
 * belong here as well, and a key that the pool does not know is the Client's affair.
 *
 * Where two names mean the same (pg-pool's and the manager's), either may be given, or both with the same meaning;
 * a contradiction is refused.
 *
 * @throws InvalidOptionError from the constructor, for a value that cannot work
 */
export interface PoolOptions extends pg.PoolConfig {
  /**
   * The most connections.
   * @default 10
   */
  max?: number | undefined;
  /** Another name of {@link max}, from pg-pool's past. */
  poolSize?: number | undefined;
  /**
   * Connections that the idle timeout spares. Nothing is opened for it: see {@link minConnections}.
   * @default 0
   */
  min?: number | undefined;
  /**
   * After this time unused a connection above `min` is closed, in ms; 0 or null: never.
   * @default 10_000
   */
  idleTimeoutMillis?: number | undefined | null;
  /**
   * How long `connect()` and `query()` wait for a connection, in ms, whether all are in use or none can be opened; 0: for
   * as long as it takes. With a limit, waiters sit out a server that cannot be reached; without one they are told the
   * connect error at once, as pg-pool does.
   * @default 0
   */
  connectionTimeoutMillis?: number | undefined;
  /**
   * A connection is closed after being lent this often.
   * @default Infinity
   */
  maxUses?: number | undefined;
  /**
   * A connection is replaced at this age, in s; 0: never.
   * @default 0
   */
  maxLifetimeSeconds?: number | undefined;
  /**
   * Whether idle connections let the process end.
   * @default false
   */
  allowExitOnIdle?: boolean | undefined;
  /** Awaited before a new connection is first used. It may throw or reject: then the connection is closed. */
  onConnect?: ((client: pg.ClientBase) => void | Promise<void>) | undefined;

  /** The manager's name of {@link max}. */
  maxConnections?: number | undefined;
  /**
   * Connections kept open, *warm*: opened in the background and replaced when lost. 0: none.
   * @default 0
   */
  minConnections?: number | undefined;
  /**
   * The same time by the manager's rule: idle connections are closed slowly, and only while utilisation is below
   * `scaleDownThreshold`. In ms.
   */
  idleTimeoutMs?: number | undefined;
  /** The manager's name of {@link maxLifetimeSeconds}, in ms. */
  connectionLifetimeMs?: number | undefined;
  /** The manager's name of {@link connectionTimeoutMillis} where it bounds waiting, in ms. */
  acquireTimeoutMs?: number | undefined;
  /**
   * How long one connect may take, with the hooks, in ms: after that its socket is destroyed.
   * @default connectionTimeoutMillis, else 10_000
   */
  connectTimeoutMs?: number | undefined;
  /**
   * How many calls may wait for a connection; one more is refused with PoolQueueFullError.
   * @default Infinity
   */
  maxWaiting?: number | undefined;

  /** The utilisation above which the pool grows beyond what waiters ask for. @default 0.8 */
  scalingThreshold?: number | undefined;
  /** The utilisation below which it shrinks. @default 0.3 */
  scaleDownThreshold?: number | undefined;
  /** Idle connections are checked when they gave no sign of life for so long, in ms. @default 30_000 */
  healthCheckIntervalMs?: number | undefined;
  /**
   * Connects in flight at once, to begin with.
   * @default max where that is at most 10, else 4
   */
  maxConnecting?: number | undefined;
  /** Whether the pool stays below the size above which more connections buy no throughput. @default true */
  adaptiveCeiling?: boolean | undefined;
  /**
   * At most one acquire in so many ms has its stack kept, so that AcquireTimeoutError and `connections()` can say from where a
   * connection was taken; 0: all of them, Infinity: none. See the manager's option.
   * @default 100
   */
  acquireStackEveryMs?: number | undefined;
  /** Constants of the manager's policies, see there. */
  tuning?: Partial<Tuning> | undefined;

  /**
   * Several servers, tried in order: as libpq's lists, which `host: 'a,b'`, `port: '5432,5433'`, connection strings
   * (`postgres://a:5432,b:5433/db`), PGHOST and PGPORT understand as well. Not beside `host`.
   * @default the one of `host` and `port`, or of the connection string
   */
  hosts?: readonly HostAddress[] | undefined;
  /**
   * What a server has to be, in libpq's words. `read-write`: no standby, and writes by default. `read-only`: the reverse.
   * `primary`, `standby`: what they say. `prefer-standby`: a standby, else any. Also `target_session_attrs` in a connection string, or
   * PGTARGETSESSIONATTRS.
   * @default 'any'; if left out, what was the primary and is a standby now is not taken for 30 s after that was noticed
   */
  targetSessionAttrs?: TargetSessionAttrs | undefined;
  /**
   * Whether each connect tries the hosts, and the addresses of each, in random order. Also `load_balance_hosts=random`, or
   * PGLOADBALANCEHOSTS.
   * @default false
   */
  loadBalanceHosts?: boolean | undefined;
  /**
   * How long one address may take to connect and log in, in ms, while there is another one to try. The last one may take what
   * is left of `connectTimeoutMs`, which bounds them all.
   * @default 2_000
   */
  addressTimeoutMs?: number | undefined;
  /**
   * Resolves names, as in `net.connect()`; called with `{ all: true }` at each connect, so a changed answer counts at once.
   * Without effect beside `stream`.
   * @default dns.lookup
   */
  lookup?: LookupFunction | undefined;
  /**
   * How often names and, where it matters, roles and lags of the connected servers are looked at, in ms; 0: never. Connections to
   * addresses that have left a name's answer move, 5 % a second.
   * @default 5_000
   */
  serverCheckIntervalMs?: number | undefined;
  /**
   * A standby that is further behind is not taken, and left when it falls behind, in ms; 0: however far. Costs one statement
   * per connect. Beside a primary on the list, use `prefer-standby`, and reads go there meanwhile.
   * @default 0
   */
  maxReplicaLagMs?: number | undefined;
  /**
   * Gives user and password together, for those that are changed together (rotated secrets, dynamic database users), and `ssl`
   * where a client certificate or an authority is renewed. Asked before each connect, though once for all connects within a
   * second; again when the server refuses the password. Wins over `user`, `password` and the connection string.
   */
  credentials?: (() => LoginCredentials | Promise<LoginCredentials>) | undefined;

  /** What the pool is called in messages, metrics and traces. */
  name?: string | undefined;
  /**
   * Whether a failed statement costs its connection, as in pg-pool. By default the connection is kept when the server says
   * that the session is idle again: with 1 % of failing statements that is 2.3 times the throughput.
   * @default false
   */
  discardOnQueryError?: boolean | undefined;
  /**
   * What is undone when a connection comes back. `dirty`: what was seen to be left behind (settings, role, LISTEN, temporary
   * tables, advisory locks, held cursors, SQL-level PREPARE). `always`: all of these, one round trip per release.
   * `never`: nothing, as in pg-pool. An open transaction is rolled back in any case.
   * @default 'dirty'
   */
  reset?: 'dirty' | 'always' | 'never' | undefined;
  /**
   * How long that may take, and a statement that still runs at release, in ms; then the connection is closed.
   * @default 1_000
   */
  resetTimeoutMs?: number | undefined;
  /**
   * How long a statement may go without a byte from the server, in ms, before a fresh connection asks the server whether it
   * still works on it. If it does not, the statement fails with ConnectionLostError. 0: never ask.
   * @default 1_500
   */
  silenceTimeoutMs?: number | undefined;
  /**
   * What stands between the pool and its server. `auto`: it is found out when something depends on it. Anything else is taken
   * as said, and nothing is asked; a mode alone means that statements are neither pipelined nor named unless it is `session`.
   * @default 'auto'
   */
  pooler?: 'auto' | 'none' | PoolerMode | PoolerClaim | undefined;
  /**
   * Whether `connect()` hands out a stand-in of its own per checkout instead of the client itself. It behaves like the
   * client, throws when used after its release, and lets a leak guard prove that it was lost.
   * @default false
   */
  leases?: boolean | undefined;
  /**
   * For development: whether a caller that holds a client and waits for another is refused with NestedAcquireError, within a
   * second, once all clients are held like that. Follows callers by AsyncLocalStorage and takes a stack per acquire.
   * @default false
   */
  detectNestedAcquire?: boolean | undefined;

  /**
   * Whether one-shot `query()` calls share a few connections, each sending without waiting for the answers of those before
   * (PostgreSQL's pipeline mode, pg 8.23 or later, not pg-native). What could change the session, what is slow, and whatever
   * goes through `connect()` gets a connection of its own; see the README. An object changes the constants.
   * @default false
   * @throws InvalidOptionError, PipeliningUnsupportedError
   */
  pipelining?: boolean | PipeliningOptions | undefined;
  /**
   * `'auto'`: one-shot `query()` statements without a name are given one from their second use on, so that the server parses
   * and plans each once per connection. A connection keeps up to 256 of them.
   * @default false
   */
  prepare?: 'auto' | false | undefined;
}
