/**
 * Asking a server what it is, and how far behind: off the users' path.
 */
import type pg from 'pg';
import { serverDeadline } from './_deadline.ts';
import type { Entry } from './_entry.ts';
import type { ServerRole } from './_host_policy.ts';
import { insideOf } from './_pg_client_inside.ts';
import { askRole } from './_pg_role.ts';
import { type Server, sameServer } from './_server_book.ts';
import type { Clock, Timer } from './clock.ts';
import type { ResourcePool } from './resource_pool.ts';

/** For a look at a server that is nobody's user's affair, ms. */
export const LOOK_MS = 2_000;

/** A connection of the pool, and where it leads. */
export interface ServerConnection {
  readonly entry: Entry<pg.Client>;
  readonly client: pg.Client;
  readonly server: Server;
}

export interface ServerQuestionParts {
  readonly clock: Clock;
  connected(): Iterable<ServerConnection>;
  /** A client of its own, not connected. */
  clientFor(server: Server): Promise<pg.Client>;
}

export class ServerQuestion {
  readonly #parts: ServerQuestionParts;
  #resources: ResourcePool<pg.Client> | undefined;

  constructor(parts: ServerQuestionParts) {
    this.#parts = parts;
  }

  /** The connections there are. */
  attach(resources: ResourcePool<pg.Client>): void {
    this.#resources = resources;
  }

  /** On an idle connection that nobody waits for, else on one of its own. Undefined: it could not be asked within 2 s. */
  async ask(server: Server, withLag: boolean): Promise<ServerRole | undefined> {
    const resources = this.#resources;
    const idle =
      resources === undefined || resources.waiting > 0
        ? undefined
        : [...this.#parts.connected()].find(
            (c) => c.entry.state === 'idle' && sameServer(c.server, server),
          );
    if (idle === undefined || resources === undefined) return this.#askBeside(server, withLag);
    const client = resources.beginProbe(idle.entry);
    const role = await this.#inTime(askRole(client, withLag), () => undefined);
    resources.endProbe(idle.entry, role === undefined ? 'unhealthy' : undefined);
    return role;
  }

  async #askBeside(server: Server, withLag: boolean): Promise<ServerRole | undefined> {
    const client = await this.#parts.clientFor(server);
    const asked = client.connect().then(() => askRole(client, withLag));
    const role = await this.#inTime(asked, () => insideOf(client).connection?.stream?.destroy?.());
    client.end().catch(() => undefined);
    return role;
  }

  async #inTime<T>(work: Promise<T>, late: () => void): Promise<T | undefined> {
    let timer: Timer | undefined;
    const expired = new Promise<undefined>((resolve) => {
      timer = serverDeadline(this.#parts.clock, LOOK_MS, () => {
        late();
        resolve(undefined);
      });
    });
    const settled = await Promise.race([work.catch(() => undefined), expired]);
    timer?.cancel();
    return settled;
  }
}
