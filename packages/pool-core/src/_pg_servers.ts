/**
 * The servers of a pool: connecting to one that will do, and leaving one that does no longer.
 */
import type { LookupFunction } from 'node:net';
import type pg from 'pg';
import { afterAnswer, hasMoved, type NameHistory } from './_dns_policy.ts';
import { explainServers } from './_explain_servers.ts';
import { isKnown, type Wanted, whyUnfit } from './_host_policy.ts';
import { insideOf } from './_pg_client_inside.ts';
import { type ClientRecord, recordOf } from './_pg_client_record.ts';
import type { Credentials } from './_pg_credentials.ts';
import { resolveAll, socketTo } from './_pg_dial.ts';
import type { Hosts } from './_pg_hosts.ts';
import type { Login } from './_pg_login.ts';
import { RoleWatch } from './_pg_role.ts';
import { type BeginLogin, type Connected, Router } from './_pg_router.ts';
import { LOOK_MS, type ServerConnection, ServerQuestion } from './_pg_server_question.ts';
import {
  type KnownServer,
  keyOf,
  nameOf,
  type Server,
  ServerBook,
  sameServer,
} from './_server_book.ts';
import type { Clock, Timer } from './clock.ts';
import type { ServerChange } from './contract.ts';
import { NoSuitableHostError } from './pg_errors.ts';
import type { ResourcePool } from './resource_pool.ts';

export interface ServersParts {
  readonly hosts: Hosts;
  readonly clock: Clock;
  readonly credentials: Credentials | undefined;
  readonly connectTimeoutMs: number;
  readonly addressTimeoutMs: number;
  /** Infinity: the standbys' lag is not looked at. */
  readonly maxReplicaLagMs: number;
  /** Infinity: never. */
  readonly checkIntervalMs: number;
  readonly lookup: LookupFunction | undefined;
  readonly directs: () => boolean;
  /** A Client as the pool makes them, with these options beyond the pool's. */
  readonly newClient: (changes: Readonly<Record<string, unknown>>) => pg.Client;
}

/** Whoever sees a role lost says so; of the same server, once in this time, ms. */
const ROLE_LOST_MS = 1_000;
/** Of the connections, at most this share per second moves to another address: it is no emergency. */
const MOVED_PER_SECOND = 0.05;

type Why = ServerChange['what'];

export class Servers {
  readonly #parts: ServersParts;
  readonly #book = new ServerBook();
  readonly #router: Router;
  readonly #question: ServerQuestion;
  readonly #names = new Map<string, NameHistory>();
  readonly #verifying = new Set<string>();
  #resources: ResourcePool<pg.Client> | undefined;
  #timer: Timer | undefined;
  #looking = false;
  #stopped = false;
  /** How often a server has changed: what was found out about one before may hold no longer. */
  changes = 0;

  constructor(parts: ServersParts) {
    this.#parts = parts;
    this.#router = new Router({
      ...parts,
      book: this.#book,
      directs: parts.directs,
      demoted: (known) => this.#roleLost(known, 'demoted'),
      random: Math.random,
    });
    this.#question = new ServerQuestion({
      clock: parts.clock,
      connected: () => this.#connected(),
      clientFor: async (server) => {
        await parts.credentials?.refresh();
        return this.#clientFor(server, {});
      },
    });
  }

  /** The connections there are; from here on servers are looked at now and then. */
  attach(resources: ResourcePool<pg.Client>): void {
    this.#resources = resources;
    this.#question.attach(resources);
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  connect(signal: AbortSignal, begin: BeginLogin): Promise<Connected> {
    return this.#router.connect(signal, begin);
  }

  /** A connection is about to join the pool. @throws NoSuitableHostError when its server has lost its role meanwhile */
  adopt(record: ClientRecord, loggedInAt: number): void {
    const { server } = record;
    const known = server === undefined ? undefined : this.#book.find(server);
    if (known === undefined) return;
    if (known.roleChangedAt > loggedInAt) {
      const reason = 'lost its role while the connection was being set up';
      throw new NoSuitableHostError(
        this.#parts.hosts.attrs ?? 'any',
        [{ ...known.server, reason }],
        nameOf,
      );
    }
    record.role.listen({
      turned: (standby) => this.#turned(known, standby),
      refusedWrite: (inTransaction) => this.#refusedWrite(record, known, inTransaction),
    });
  }

  /** A statement of its own was refused with 25006. Needed for pg-native, which tells in no other way. */
  refusedWrite(client: pg.ClientBase): void {
    const record = recordOf(client as pg.Client);
    const known = this.knownOf(client);
    if (record !== undefined && known !== undefined) this.#refusedWrite(record, known, false);
  }

  knownOf(client: pg.ClientBase): KnownServer | undefined {
    const server = recordOf(client as pg.Client)?.server;
    return server === undefined ? undefined : this.#book.find(server);
  }

  /** Outdates the connections to this client's server, where there are others. @returns whether there are */
  leave(client: pg.Client): boolean {
    const server = recordOf(client)?.server;
    if (server === undefined) return false;
    const all = [...this.#connected()];
    if (all.every((other) => sameServer(other.server, server))) return false;
    for (const other of all) {
      if (sameServer(other.server, server)) this.#resources?.doom(other.entry, 'outdated');
    }
    return true;
  }

  /**
   * A client of its own, not connected, with these options beyond the pool's, for a server that the pool is connected to.
   */
  newClient(more: Readonly<Record<string, unknown>> = {}): pg.Client {
    const { value: any } = this.#connected().next();
    return this.#clientFor(any?.server, more);
  }

  /** The same for the very server that `other` is connected to, whatever its name leads to by now. */
  async clientBeside(other: pg.Client): Promise<pg.Client> {
    await this.#parts.credentials?.refresh();
    return this.#clientFor(recordOf(other)?.server, {});
  }

  /** How the servers stand, in lines. */
  describe(): string[] {
    return explainServers(this.#book.all(), this.#connected(), this.#parts.clock.now());
  }

  // Roles.

  #turned(known: KnownServer, standby: boolean): void {
    known.role = { ...known.role, standby };
    if (standby) this.#roleLost(known, 'demoted');
    else this.#promoted(known);
  }

  #promoted(known: KnownServer): void {
    const { attrs } = this.#parts.hosts;
    known.roleChangedAt = this.#parts.clock.now();
    known.demotedAt = Number.NEGATIVE_INFINITY;
    const unwanted = attrs === 'standby' || attrs === 'read-only' || attrs === 'prefer-standby';
    this.#evict(known, 'promoted', unwanted);
  }

  #refusedWrite(
    record: ClientRecord,
    known: KnownServer,
    inTransaction: boolean | undefined,
  ): void {
    const { standby, readOnly } = record.role.role;
    // It was so when the connection was opened: no news.
    if (standby === true || readOnly === true) return;
    if (inTransaction === false) this.#roleLost(known, 'refuses-writes');
    // BEGIN READ ONLY refuses as well: ask before anybody suffers for it.
    else void this.#verify(known);
  }

  async #verify(known: KnownServer): Promise<void> {
    const key = keyOf(known.server);
    const { clock } = this.#parts;
    if (this.#verifying.has(key) || clock.now() - known.roleChangedAt < ROLE_LOST_MS) return;
    this.#verifying.add(key);
    try {
      const role = await this.#question.ask(known.server, false);
      if (role?.standby === true || role?.readOnly === true) {
        known.role = role;
        this.#roleLost(known, role.standby ? 'demoted' : 'refuses-writes');
      }
    } finally {
      clock.setTimeout(() => this.#verifying.delete(key), ROLE_LOST_MS);
    }
  }

  /** After a failover the old primary may take connections and read only: all that lead there go. */
  #roleLost(known: KnownServer, why: Why): void {
    const now = this.#parts.clock.now();
    // A user that reads only by design would otherwise empty the pool with each mistake.
    if (now - known.roleChangedAt < ROLE_LOST_MS && known.demotedAt > known.roleChangedAt - 1)
      return;
    known.roleChangedAt = now;
    known.demotedAt = now;
    known.replayed = undefined;
    this.#evict(known, why, true);
  }

  /** Closes what leads to this server: idle connections now, leased ones when they come back. */
  #evict(known: KnownServer, what: Why, closes: boolean): void {
    const resources = this.#resources;
    if (resources === undefined) return;
    this.changes++;
    const { server } = known;
    const entries = closes
      ? [...this.#connected()].filter((c) => sameServer(c.server, server))
      : [];
    for (const { entry } of entries) resources.doom(entry, 'outdated');
    const { host, port, address } = server;
    resources.observers.tell('serverChanged', {
      host,
      port,
      address,
      what,
      connections: entries.length,
    });
  }

  *#connected(): Generator<ServerConnection> {
    for (const entry of this.#resources?.entries() ?? []) {
      const { connection: client, state } = entry;
      if (client === undefined || state === 'closing' || state === 'closed') continue;
      const server = recordOf(client)?.server;
      if (server !== undefined) yield { entry, client, server };
    }
  }

  // A look now and then, off the users' path.

  #arm(): void {
    const { clock, checkIntervalMs } = this.#parts;
    if (this.#stopped || checkIntervalMs === Number.POSITIVE_INFINITY) return;
    this.#timer = clock.setTimeout(() => {
      this.#arm();
      // A resolver or a server that does not answer delays the looks, and nothing else.
      if (this.#looking) return;
      this.#looking = true;
      void this.#lookAround().finally(() => {
        this.#looking = false;
      });
    }, checkIntervalMs);
  }

  async #lookAround(): Promise<void> {
    const servers = new Map<string, Server>();
    for (const { server } of this.#connected()) servers.set(keyOf(server), server);
    if (servers.size === 0) return;
    await this.#lookAtNames(servers.values());
    const { hosts, maxReplicaLagMs } = this.#parts;
    const { attrs } = hosts;
    if ((attrs ?? 'any') === 'any' && maxReplicaLagMs === Number.POSITIVE_INFINITY) return;
    await Promise.all(Array.from(servers.values(), (server) => this.#lookAt(server)));
    if (attrs === 'prefer-standby') await this.#preferAgain();
  }

  async #lookAtNames(servers: Iterable<Server>): Promise<void> {
    const { clock, lookup, directs } = this.#parts;
    if (!directs()) return;
    for (const host of new Set(Array.from(servers, (server) => server.host))) {
      if (host.startsWith('/')) continue;
      // No answer is no news: the connections there are may be all there will be for a while.
      const answer = await resolveAll(host, lookup).catch(() => undefined);
      if (answer === undefined) continue;
      const now = clock.now();
      const history = afterAnswer(this.#names.get(host), answer, now);
      this.#names.set(host, history);
      const moved = (server: Server): boolean =>
        server.host === host && server.address !== host && hasMoved(history, server.address, now);
      this.#retire(moved, 'address-gone');
    }
  }

  /** Gently: a share per second, the idle ones first. */
  #retire(unwanted: (server: Server) => boolean, what: Why): void {
    const resources = this.#resources;
    if (resources === undefined) return;
    const all = [...this.#connected()].filter(({ server }) => unwanted(server));
    if (all.length === 0) return;
    const seconds = this.#parts.checkIntervalMs / 1_000;
    const budget = Math.max(1, Math.ceil(resources.size * MOVED_PER_SECOND * seconds));
    const idleFirst = [
      ...all.filter(({ entry }) => entry.state === 'idle'),
      ...all.filter(({ entry }) => entry.state !== 'idle' && entry.doomed === undefined),
    ].slice(0, budget);
    for (const { entry } of idleFirst) resources.doom(entry, 'outdated');
    const { host, port, address } = (all[0] as { server: Server }).server;
    const connections = idleFirst.length;
    if (connections > 0) {
      this.changes++;
      resources.observers.tell('serverChanged', { host, port, address, what, connections });
    }
  }

  /** Asks a server what it is, and how far behind. */
  async #lookAt(server: Server): Promise<void> {
    const { hosts, maxReplicaLagMs: maxLagMs } = this.#parts;
    const withLag = maxLagMs < Number.POSITIVE_INFINITY;
    const role = await this.#question.ask(server, withLag);
    const known = this.#book.find(server);
    if (role === undefined || known === undefined) return;
    const before = known.role;
    known.role = role;
    const { attrs = 'any' } = hosts;
    if (before.standby === true && role.standby === false) {
      this.#promoted(known);
      return;
    }
    const wanted: Wanted = { attrs: attrs === 'prefer-standby' ? 'any' : attrs, maxLagMs };
    if (!isKnown(role, wanted)) return;
    const why = whyUnfit(role, wanted);
    known.refusal = why;
    if (why === undefined) return;
    if (whyUnfit(role, { ...wanted, maxLagMs: Number.POSITIVE_INFINITY }) === undefined) {
      this.#evict(known, 'lagging', true);
    } else this.#roleLost(known, role.standby ? 'demoted' : 'refuses-writes');
  }

  /** Whether a standby is to be had again, for a pool that had to take the primary. */
  async #preferAgain(): Promise<void> {
    const onPrimary = (server: Server): boolean => this.#book.find(server)?.role.standby === false;
    if (![...this.#connected()].some(({ server }) => onPrimary(server))) return;
    const abort = new AbortController();
    const timer = this.#parts.clock.setTimeout(
      () => abort.abort(new Error('no standby in time')),
      LOOK_MS,
    );
    try {
      const begin: BeginLogin = (changes) => this.#begin(changes);
      const { login } = await this.#router.connect(abort.signal, begin, 'standby');
      login.dismiss();
      this.#retire(onPrimary, 'standby-available');
    } catch {
      // None: it stays where it is.
    } finally {
      timer.cancel();
    }
  }

  /** A login of nobody's, for a look. */
  #begin(changes: Readonly<Record<string, unknown>>): Login {
    const client = this.#parts.newClient(changes);
    client.on('error', () => undefined);
    const role = new RoleWatch(client);
    this.#parts.credentials?.install(client, changes);
    const abandon = (): void => void insideOf(client).connection?.stream?.destroy?.();
    return {
      client,
      role,
      done: client.connect().then(() => undefined),
      abandon,
      dismiss: () => void client.end().catch(() => undefined),
    };
  }

  #clientFor(server: Server | undefined, more: Readonly<Record<string, unknown>>): pg.Client {
    const { hosts, credentials, directs, newClient } = this.#parts;
    const host = hosts.hosts.find(
      ({ name, changes }) => name === server?.host && changes['port'] === server?.port,
    );
    const given = credentials?.last ?? {};
    const client = newClient({
      ...(host ?? hosts.hosts[0])?.changes,
      ...given,
      ...(server !== undefined && directs()
        ? { stream: socketTo(async () => server.address) }
        : {}),
      ...more,
    });
    credentials?.install(client, given);
    client.on('error', () => undefined);
    return client;
  }
}
