import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, type OwnDatabase } from '@fynlo/services/database';
import {
  type FaultProxy,
  type FaultProxyPlace,
  startFaultProxy,
} from '@fynlo/services/fault-proxy';
import { Nat } from '@fynlo/services/nat';
import {
  type PostgresOptions,
  type RunningPostgres,
  startPostgres,
} from '@fynlo/services/postgres';
import { startStandby } from '@fynlo/services/standby';
import pg from 'pg';
import type { FaultProfile } from './fault.ts';
import type { FaultPoolOptions, FaultSubject } from './fault_subject.ts';
import { LoopStalls } from './loop_stalls.ts';
import { NameService } from './name_service.ts';
import { ServerPair } from './server_pair.ts';
import type { SocketWatch } from './socket_watch.ts';
import { TrackedPool } from './tracked_pool.ts';

export interface FaultCaseOptions {
  readonly subject: FaultSubject;
  readonly profile: FaultProfile;
  readonly seed: number;
  /** A server that cases share; its user may make databases and roles. */
  readonly serverUrl: string;
  readonly timeFactor: number;
  readonly sockets: SocketWatch;
}

/** A role that a case may spoil. */
export interface CaseRole {
  readonly name: string;
  readonly password: string;
}

/** What one case has at hand: its subject, servers, proxies, and the server's own view. Everything is undone by {@link close}. */
export class FaultCase {
  readonly subject: FaultSubject;
  readonly profile: FaultProfile;
  readonly seed: number;
  readonly timeFactor: number;
  readonly sockets: SocketWatch;
  /** Remarks for the reader of the matrix. */
  readonly notes: string[] = [];
  readonly pools: TrackedPool[] = [];
  readonly proxies: FaultProxy[] = [];
  readonly #serverUrl: string;
  readonly #undo: (() => Promise<unknown>)[] = [];
  /** By name of database: who may look at it, on each server that has it. */
  readonly #administrators = new Map<string, string[]>();
  readonly #stalls = new LoopStalls();
  #database: Promise<OwnDatabase> | undefined;
  #random: number;

  constructor({ subject, profile, seed, serverUrl, timeFactor, sockets }: FaultCaseOptions) {
    this.timeFactor = timeFactor;
    this.subject = subject;
    this.profile = profile;
    this.seed = seed;
    this.sockets = sockets;
    this.#serverUrl = serverUrl;
    this.#random = seed >>> 0;
  }

  get isFull(): boolean {
    return this.profile === 'full';
  }

  /** In [0, 1), the same ones for the same seed (mulberry32, by Tommy Ettinger, public domain). */
  random(): number {
    this.#random = (this.#random + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), this.#random | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A database of the case's own on the shared server. */
  async database(): Promise<string> {
    this.#database ??= this.#ownDatabase(this.#serverUrl);
    return (await this.#database).url;
  }

  /** A server of the case's own, with a database of its own on it. */
  async server(options: PostgresOptions = {}): Promise<{ server: RunningPostgres; url: string }> {
    const server = await startPostgres({ maxConnections: 50, ...options, external: false });
    this.#undo.push(() => server.stop());
    const { url } = await this.#ownDatabase(server.url, false);
    return { server, url };
  }

  /** A server of the case's own and a standby of it, with a database of its own on them. */
  async pair(): Promise<ServerPair> {
    const { server, url } = await this.server({ replication: true });
    const standby = await startStandby({ of: server });
    this.#undo.push(() => standby.stop());
    const there = new URL(url);
    there.port = String(standby.port);
    this.#administrators.get(nameOf(url))?.push(there.href);
    return new ServerPair(url, server, standby);
  }

  /** Answers, from here on, who asks for the address of `db.test`. */
  names(): NameService {
    const names = new NameService();
    this.#undo.push(async () => names.restore());
    return names;
  }

  /** A proxy before the server of `url`. */
  async proxy(url: string, place?: FaultProxyPlace): Promise<{ proxy: FaultProxy; url: string }> {
    const { hostname, port } = new URL(url);
    const proxy = await startFaultProxy({ host: hostname, port: Number(port) }, place);
    this.proxies.push(proxy);
    this.#undo.push(() => proxy.close());
    return { proxy, url: proxy.url(url) };
  }

  /** A role that is no superuser, and the URL with it. */
  async role(url: string, attributes = ''): Promise<{ role: CaseRole; url: string }> {
    const role = { name: `fault_${Math.random().toString(36).slice(2, 12)}`, password: 'right' };
    await this.administer(url, (client) =>
      client.query(`create role ${role.name} login password '${role.password}' ${attributes}`),
    );
    this.#undo.push(() =>
      this.administer(url, async (client) => {
        await client.query(`drop owned by ${role.name} cascade`);
        await client.query(`drop role ${role.name}`);
      }),
    );
    const own = new URL(url);
    own.username = role.name;
    own.password = role.password;
    return { role, url: own.href };
  }

  /** A device before the server of `url` that forgets what was idle for so long. */
  async nat(url: string, idleMs: number): Promise<Nat> {
    const { hostname, port } = new URL(url);
    const nat = await Nat.before({ host: hostname, port: Number(port) }, idleMs);
    this.#undo.push(() => nat[Symbol.asyncDispose]());
    return nat;
  }

  async open(options: FaultPoolOptions): Promise<TrackedPool> {
    const pool = new TrackedPool(await this.subject.open(options), options, this.#stalls);
    this.pools.push(pool);
    return pool;
  }

  /** Runs `work` with a client of the administrator, in the database of `url`; of a pair, on the server of its port, else the first. */
  administer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const all = this.#administratorsOf(url);
    const there = all.find((one) => new URL(one).port === new URL(url).port) ?? all[0] ?? '';
    return asAdministrator(there, work);
  }

  /** The client backends of the database, as its server counts them; of a pair, on both. */
  async backends(url: string): Promise<number[]> {
    const found = this.#administratorsOf(url).map((administrator) =>
      asAdministrator(administrator, (client) => backendsOf(client, nameOf(url))),
    );
    return (await Promise.all(found)).flat();
  }

  /** Waits until the number of backends is `wanted`. @returns the last count */
  async backendsBecome(url: string, wanted: () => number, withinMs: number): Promise<number> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const count = (await this.backends(url)).length;
      if (count === wanted() || performance.now() > deadline) return count;
      await sleep(50);
    }
  }

  note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }

  /** Undoes everything, the last first. */
  async close(): Promise<void> {
    this.#stalls.stop();
    for (const undo of this.#undo.splice(0).reverse()) await undo();
  }

  /** @param undoes whether its removal matters: a server of one's own goes with everything on it */
  async #ownDatabase(serverUrl: string, undoes = true): Promise<OwnDatabase> {
    const database = await createDatabase(serverUrl);
    this.#administrators.set(database.name, [database.url]);
    if (undoes) this.#undo.push(() => database.drop());
    return database;
  }

  #administratorsOf(url: string): readonly string[] {
    // A case may open its pool on a database that does not exist.
    const [any] = this.#administrators.values();
    const found = this.#administrators.get(nameOf(url)) ?? any;
    if (found === undefined) throw new Error('The case has no database yet');
    return found;
  }
}

const ADMINISTRATOR = 'fynlo-bench administrator';

async function asAdministrator<T>(
  connectionString: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString, application_name: ADMINISTRATOR });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1);
}

async function backendsOf(client: pg.Client, database: string): Promise<number[]> {
  const { rows } = await client.query<{ pid: number }>(
    `select pid from pg_stat_activity where backend_type = 'client backend'
     and datname = $1 and application_name <> $2`,
    [database, ADMINISTRATOR],
  );
  return rows.map(({ pid }) => pid);
}
