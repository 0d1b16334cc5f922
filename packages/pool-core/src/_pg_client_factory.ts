/**
 * Makes and unmakes pg Clients for the engine.
 */
import type pg from 'pg';
import { requestCancel } from './_pg_cancel.ts';
import { REMOVE } from './_pg_channels.ts';
import { releasedAlready } from './_pg_checkout.ts';
import { activeQueryOf, type ClientInside, insideOf } from './_pg_client_inside.ts';
import { type ClientRecord, keepRecord, recordOf } from './_pg_client_record.ts';
import { classifyConnectError } from './_pg_connect_error_policy.ts';
import { isCredentialsError } from './_pg_credentials.ts';
import type { Login } from './_pg_login.ts';
import type { PoolerDetector } from './_pg_pooler_detector.ts';
import { RoleWatch } from './_pg_role.ts';
import type { Connected } from './_pg_router.ts';
import { readServerCapacity } from './_pg_server_capacity.ts';
import type { Servers } from './_pg_servers.ts';
import { PgSession, type SessionRules } from './_pg_session.ts';
import { guardWire } from './_pg_wire_guard.ts';
import { throwLater } from './_throw_later.ts';
import type { ConnectErrorKind, ConnectionFactory, ResetResult } from './connection_factory.ts';
import type { DestroyReason, ServerCapacity } from './contract.ts';

/** What the factory needs of its pool; read anew for each client, as applications change these. */
export interface ClientFactoryHost {
  readonly Client: unknown;
  readonly options: pg.PoolConfig;
  readonly log: (...messages: unknown[]) => void;
  emit(event: string, ...args: unknown[]): boolean;
  listenerCount(event: string): number;
}

export interface ClientRules extends SessionRules {
  readonly connectTimeoutMs: number;
  readonly pooler: PoolerDetector;
  /** Told of each client before anybody has it, with how to ask its server for its room. */
  readonly learnCapacity: (
    read: () => Promise<ServerCapacity | undefined>,
  ) => Promise<void> | undefined;
  readonly servers: Servers;
  /** Gives a client its way to a password, where the application has one. */
  readonly install: (client: pg.Client, given: Readonly<Record<string, unknown>>) => void;
  /** A client is about to be checked. */
  readonly checking: () => void;
}

const LOGGED: Readonly<Partial<Record<DestroyReason, string>>> = {
  'idle-timeout': 'remove idle client',
  lifetime: 'remove expired client',
  'max-uses': 'remove expended client',
};

/** How long a client may take to say goodbye to a server that may be gone. */
const GOODBYE_MS = 1_000;

export class PgClientFactory implements ConnectionFactory<pg.Client> {
  /** Connects under way. */
  readonly #connecting = new Set<ClientInside>();
  /** The clients from the start of their connect to the start of their end: pg-pool's `_clients`. */
  readonly clients: pg.Client[] = [];
  readonly #host: ClientFactoryHost;
  readonly #rules: ClientRules;

  constructor(host: ClientFactoryHost, rules: ClientRules) {
    this.#host = host;
    this.#rules = rules;
  }

  async create(signal: AbortSignal, lost: (error?: unknown) => void): Promise<pg.Client> {
    const { servers } = this.#rules;
    const connected = await servers.connect(signal, (changes) => this.#begin(changes, lost));
    return this.#settle(connected, signal);
  }

  /** One client, from its making to its login. */
  #begin(changes: Readonly<Record<string, unknown>>, lost: (error?: unknown) => void): Login {
    const client = this.newClient(changes);
    const inside = insideOf(client);
    // The engine's time limit is longer where the process itself stood still, or `connectTimeoutMs` says so: pg's would come first.
    if (inside._connectionTimeoutMillis !== undefined) inside._connectionTimeoutMillis = 0;
    this.clients.push(client);
    const role = new RoleWatch(client);
    const session = new PgSession(client, this.#rules);
    const record: ClientRecord = {
      client,
      session,
      role,
      server: undefined,
      entry: undefined,
      onError: undefined,
      lost,
    };
    keepRecord(record);
    this.#rules.install(client, changes);
    this.#log('connecting new client');
    this.#connecting.add(inside);
    const done = new Promise<void>((resolve, reject) => {
      const failed = (error: unknown): void => {
        this.#connecting.delete(inside);
        this.#log('client failed to connect', error);
        this.#forget(client);
        reject(error);
      };
      if (inside.isConnected !== undefined) this.#limitNative(inside);
      try {
        void client.connect((error?: Error | null) => {
          client.on('error', (failure: Error) => this.#failed(record, failure));
          if (error) {
            failed(error);
            return;
          }
          this.#connecting.delete(inside);
          resolve();
        });
      } catch (error) {
        // Node's, of a port that is none.
        failed(error);
      }
    });
    return {
      client,
      role,
      done,
      abandon: () => {
        this.#connecting.delete(inside);
        this.#abandon(client);
      },
      dismiss: () => {
        this.#forget(client);
        void this.#end(client);
      },
    };
  }

  /** What is left to do once the server has taken the login, and will do. */
  async #settle({ login, server, at }: Connected, signal: AbortSignal): Promise<pg.Client> {
    const host = this.#host;
    const { client } = login;
    const record = recordOf(client) as ClientRecord;
    record.server = server;
    signal.addEventListener('abort', login.abandon, { once: true });
    this.#log('new client connected');
    this.#rules.pooler.met(client);
    try {
      await this.#introduce(record);
      this.#rules.servers.adopt(record, at);
    } catch (refusal) {
      this.#forget(client);
      await this.#end(client);
      throw refusal;
    } finally {
      signal.removeEventListener('abort', login.abandon);
    }
    client.once?.('end', () => record.lost());
    if (host.options.allowExitOnIdle) insideOf(client).unref?.();
    insideOf(client).release = releasedAlready;
    return client;
  }

  /** A client with the pool's options and `changes`, which are seen by nobody else. */
  newClient(changes: Readonly<Record<string, unknown>>): pg.Client {
    const { Client, options } = this.#host;
    // Looked up and called as pg-pool does: a Client may be a plain function.
    const Made = Client as new (options: pg.PoolConfig) => pg.Client;
    // pg-pool hides the password from those who print the options: a spread would lose it.
    const own = Object.create(
      Object.getPrototypeOf(options),
      Object.getOwnPropertyDescriptors(options),
    );
    const client = new Made(Object.assign(own, changes));
    guardWire(client);
    return client;
  }

  /**
   * Whether a client of pg-native has its connection and is about to say so. pg-pool's time limit spares it: libpq does not tell
   * when it gets there, only, a while later, that it has.
   */
  get nearlyConnected(): boolean {
    for (const client of this.#connecting) if (client.isConnected?.() === true) return true;
    return false;
  }

  destroy(client: pg.Client, reason: DestroyReason): Promise<void> {
    const logged = LOGGED[reason];
    if (logged !== undefined) this.#log(logged);
    this.#forget(client);
    const stopped = this.#stopStatement(client);
    return Promise.all([this.#end(client), stopped]).then(() => {
      this.#tell('remove', client);
      if (REMOVE.hasSubscribers) REMOVE.publish({ client });
    });
  }

  validate(client: pg.Client): Promise<boolean> {
    this.#rules.checking();
    return new Promise((resolve) => {
      void client.query('SELECT 1', (error: Error | undefined) => resolve(!error));
    });
  }

  reset(client: pg.Client): Promise<ResetResult> | ResetResult {
    const cleaned = recordOf(client)?.session.clean();
    if (this.#host.options.allowExitOnIdle) insideOf(client).unref?.();
    return cleaned;
  }

  isUsable(client: pg.Client): boolean {
    const inside: ClientInside = insideOf(client);
    // A socket that is destroyed tells so only in a later turn.
    if (inside.connection?.stream?.destroyed === true) return false;
    return inside._queryable !== false && inside._ending !== true;
  }

  isBusy(client: pg.Client): boolean {
    return recordOf(client)?.session.busy ?? false;
  }

  isClean(client: pg.Client): boolean {
    return recordOf(client)?.session.idle ?? false;
  }

  classify(error: unknown): ConnectErrorKind {
    return isCredentialsError(error) ? 'retryable' : (classifyConnectError(error) ?? 'unrelated');
  }

  /** The engine's time limit is longer for pg-native, see `nearlyConnected`. */
  #limitNative(client: ClientInside): void {
    const { connectTimeoutMs } = this.#rules;
    const timer = setTimeout(() => {
      if (!this.#connecting.has(client) || client.isConnected?.() === true) return;
      this.#log('ending client due to timeout');
      client.end?.(() => {});
    }, connectTimeoutMs);
    timer.unref();
  }

  /** The pool's hooks, in pg-pool's order; their queries run before the client's first user. */
  async #introduce(record: ClientRecord): Promise<void> {
    const { client, session } = record;
    const { pooler, learnCapacity } = this.#rules;
    // Behind a pooler connections are the pooler's affair, and its limits no business of the server.
    const learned =
      pooler.verdict.name === 'none' ? learnCapacity(() => readServerCapacity(client)) : undefined;
    if (learned !== undefined) await learned;
    const { onConnect, verify } = this.#host.options;
    if (onConnect) await onConnect(client);
    this.#tell('connect', client);
    session.endSetUp();
    if (verify) {
      await new Promise<void>((resolve, reject) => {
        verify(client as pg.PoolClient, (error) => (error ? reject(error) : resolve()));
      });
    }
  }

  #log(...messages: unknown[]): void {
    try {
      this.#host.log(...messages);
    } catch (thrown) {
      throwLater(thrown);
    }
  }

  #tell(event: string, client: pg.Client): void {
    try {
      this.#host.emit(event, client);
    } catch (error) {
      throwLater(error);
    }
  }

  /**
   * pg emits 'error' when a socket dies. Under a borrower it is the borrower's affair: its statements fail, and the client is
   * closed at its release; pg-pool takes its listener off meanwhile, so that the death of a client that is lent but
   * not working ends the process.
   */
  #failed(record: ClientRecord, error: Error): void {
    const { entry, client } = record;
    if (entry !== undefined && entry.leaseId !== 0) {
      record.onError?.(error, undefined, true);
      return;
    }
    if (!this.clients.includes(client)) {
      this.#log('additional client error after disconnection due to error', error);
      return;
    }
    record.lost(error);
    // Nobody listens: losing an idle connection is no reason to end the process, as an 'error' event would.
    if (this.#host.listenerCount('error') === 0) return;
    Object.assign(error, { client });
    this.#host.emit('error', error, client);
  }

  #forget(client: pg.Client): void {
    const index = this.clients.indexOf(client);
    if (index >= 0) this.clients.splice(index, 1);
  }

  /** Ends a connect that has taken too long, in whatever state it is. */
  #abandon(client: pg.Client): void {
    this.#log('ending client due to timeout');
    this.#forget(client);
    const { connection, end } = insideOf(client);
    if (connection?.stream?.destroy !== undefined) connection.stream.destroy();
    // pg-native: libpq does its own teardown.
    else end?.call(client, () => {});
  }

  /** A statement under way goes on after its connection is closed, and keeps its backend, until it next writes a row. */
  #stopStatement(client: pg.Client): Promise<unknown> | undefined {
    const inside = insideOf(client);
    if (activeQueryOf(inside) === undefined || inside.connection?.stream?.destroyed !== false) {
      return undefined;
    }
    return requestCancel(client, this.#host.options.stream, GOODBYE_MS);
  }

  #end(client: pg.Client): Promise<void> {
    const inside = insideOf(client);
    if (inside.end === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        inside.connection?.stream?.destroy?.();
        resolve();
      }, GOODBYE_MS);
      timer.unref();
      inside.end?.(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
