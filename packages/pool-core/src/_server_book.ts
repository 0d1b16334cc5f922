/**
 * What the pool remembers of the servers it has met.
 */
import type { Outcome, ServerRole } from './_host_policy.ts';

/** One server: a host may be several, by its addresses, and be others tomorrow. */
export interface Server {
  readonly host: string;
  readonly port: number;
  /** Where the socket went; the host itself for a Unix socket, or where the socket is not ours. */
  readonly address: string;
}

/** One server, and what is known of it. */
export interface KnownServer {
  readonly server: Server;
  outcome: Outcome | undefined;
  role: ServerRole;
  /** Why it was not taken, last time; undefined once it was. */
  refusal: string | undefined;
  /** When it turned out to be something else than before (monotonic ms). */
  roleChangedAt: number;
  /** When it turned out to be the primary no longer. */
  demotedAt: number;
  /** How far a standby has replayed, as it said last. */
  replayed: bigint | undefined;
  seenAt: number;
}

/** Names lead to ever new addresses; what was not seen for so long is forgotten, ms. */
const FORGOTTEN_MS = 600_000;
const PRUNE_ABOVE = 50;

export function keyOf({ address, port }: Server): string {
  return `${address}|${port}`;
}

/** "db.example:5432 (10.0.0.7)". */
export function nameOf({ host, port, address }: Server): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return address === host ? `${name}:${port}` : `${name}:${port} (${address})`;
}

export class ServerBook {
  readonly #servers = new Map<string, KnownServer>();
  /** By host and port: of whichever of its addresses was tried last. */
  readonly #hosts = new Map<string, Outcome>();

  /** The page of a server, a new one where it is met for the first time. */
  of(server: Server, now: number): KnownServer {
    const key = keyOf(server);
    let known = this.#servers.get(key);
    if (known === undefined) {
      known = {
        server,
        outcome: undefined,
        role: {},
        refusal: undefined,
        roleChangedAt: Number.NEGATIVE_INFINITY,
        demotedAt: Number.NEGATIVE_INFINITY,
        replayed: undefined,
        seenAt: now,
      };
      this.#servers.set(key, known);
      if (this.#servers.size > PRUNE_ABOVE) this.#prune(now);
    }
    known.seenAt = now;
    return known;
  }

  find(server: Server): KnownServer | undefined {
    return this.#servers.get(keyOf(server));
  }

  hostOutcome(host: string): Outcome | undefined {
    return this.#hosts.get(host);
  }

  noteHost(host: string, outcome: Outcome): void {
    this.#hosts.set(host, outcome);
  }

  all(): IterableIterator<KnownServer> {
    return this.#servers.values();
  }

  #prune(now: number): void {
    for (const [key, { seenAt }] of this.#servers) {
      if (now - seenAt > FORGOTTEN_MS) this.#servers.delete(key);
    }
  }
}

export function sameServer(a: Server | undefined, b: Server | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && keyOf(a) === keyOf(b));
}
