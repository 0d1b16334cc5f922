/**
 * Opening one connection where there are several servers to choose from.
 */
import { isIP } from 'node:net';
import type pg from 'pg';
import {
  addressTime,
  inOrder,
  isKnown,
  type Outcome,
  type TargetSessionAttrs,
  type Wanted,
  whyUnfit,
} from './_host_policy.ts';
import { Addresses, type AddressesParts } from './_pg_addresses.ts';
import { insideOf } from './_pg_client_inside.ts';
import { classifyConnectError } from './_pg_connect_error_policy.ts';
import { type Credentials, isCredentialsError } from './_pg_credentials.ts';
import { socketTo } from './_pg_dial.ts';
import type { Host } from './_pg_hosts.ts';
import { type Login, LoginAttempt } from './_pg_login.ts';
import { askRole } from './_pg_role.ts';
import { type KnownServer, nameOf, type Server } from './_server_book.ts';
import { messageOf } from './errors.ts';
import { type HostAttempt, NoSuitableHostError } from './pg_errors.ts';

/** Makes a client with these options beyond the pool's, and begins to connect it. */
export type BeginLogin = (changes: Readonly<Record<string, unknown>>) => Login;

/** A client whose server will do. */
export interface Connected {
  readonly login: Login;
  readonly server: Server;
  /** When that was found (monotonic ms). */
  readonly at: number;
}

export interface RouterParts extends AddressesParts {
  readonly credentials: Credentials | undefined;
  /** For the whole connect; the engine's own deadline is the same. */
  readonly connectTimeoutMs: number;
  readonly addressTimeoutMs: number;
  readonly maxReplicaLagMs: number;
  /** Whether sockets are ours to direct: not with a `stream` of the application's own, or pg-native. */
  directs(): boolean;
  /** A server that was the primary is one no longer. */
  demoted(known: KnownServer): void;
}

/** For so long after a role has changed, servers are asked what they are instead of believed, ms. */
const ASK_MS = 60_000;
/** For so long the old primary is not taken by a pool that has not said what it wants, ms: names may still lead there. */
const BARRIER_MS = 30_000;

/** A connect under way. */
interface Run {
  readonly begin: BeginLogin;
  readonly signal: AbortSignal;
  readonly deadline: number;
  readonly failures: HostAttempt[];
  /** Connected, though not what was preferred. */
  fallback: Connected | undefined;
  /** Hosts after the one that is being tried. */
  hostsLeft: number;
}

/**
 * libpq's rules: hosts in order, each address of each with a deadline of its own, the next one where the server cannot be
 * reached, has no room or is not what is wanted; no other host where it refuses the user, the password or the database.
 */
export class Router {
  readonly #parts: RouterParts;

  constructor(parts: RouterParts) {
    this.#parts = parts;
  }

  /** @param attrs what is wanted, where not what the options say */
  async connect(
    signal: AbortSignal,
    begin: BeginLogin,
    attrs: TargetSessionAttrs | undefined = this.#parts.hosts.attrs,
  ): Promise<Connected> {
    const { hosts, book, clock, connectTimeoutMs } = this.#parts;
    const now = clock.now();
    const run: Run = {
      begin,
      signal,
      deadline: now + connectTimeoutMs,
      failures: [],
      fallback: undefined,
      hostsLeft: hosts.hosts.length,
    };
    const random = hosts.loadBalance ? this.#parts.random : undefined;
    const order = inOrder(hosts.hosts, (host) => book.hostOutcome(hostKey(host)), { now, random });
    try {
      for (const host of order) {
        run.hostsLeft--;
        const connected = await this.#tryHost(run, host, attrs);
        if (connected === undefined) continue;
        run.fallback?.login.dismiss();
        return connected;
      }
    } catch (error) {
      run.fallback?.login.dismiss();
      throw error;
    }
    if (run.fallback !== undefined) return run.fallback;
    throw this.#failure(run, attrs);
  }

  async #tryHost(
    run: Run,
    host: Host,
    attrs: TargetSessionAttrs | undefined,
  ): Promise<Connected | undefined> {
    const addresses = new Addresses(this.#parts);
    for (let index = 0; index === 0 || index < addresses.count; index++) {
      run.signal.throwIfAborted();
      const connected = await this.#tryAddress(run, host, addresses, index, attrs);
      if (connected !== undefined) return connected;
    }
    return undefined;
  }

  async #tryAddress(
    run: Run,
    host: Host,
    addresses: Addresses,
    index: number,
    attrs: TargetSessionAttrs | undefined,
  ): Promise<Connected | undefined> {
    const { clock, book, hosts, addressTimeoutMs } = this.#parts;
    const attempt = new LoginAttempt(clock, run.signal);
    const allot = (): void => {
      // With nothing else to try, the engine's deadline says all there is to say.
      if (hosts.hosts.length === 1 && addresses.count === 1) return;
      const candidates = Math.max(1, addresses.count - index) + run.hostsLeft;
      const leftMs = Math.max(0, run.deadline - clock.now());
      const hasFallback = run.fallback !== undefined;
      attempt.limit(addressTime({ leftMs, candidates, addressTimeoutMs, hasFallback }));
    };
    const addressOf = async (name: string): Promise<string> => {
      const list = await addresses.of(name);
      allot();
      return list[index] as string;
    };
    allot();
    let server: Server | undefined;
    try {
      const directs = this.#parts.directs();
      const login = await this.#login(run, attempt, () =>
        directs ? { ...host.changes, stream: socketTo(addressOf) } : host.changes,
      );
      server = serverOf(login.client, addresses.list?.[index]);
      const known = book.of(server, clock.now());
      // A standby that was started anew may have to replay again what it had replayed.
      known.replayed = undefined;
      const { why, secondBest } = await attempt.within(this.#judge(known, login, attrs));
      if (why !== undefined && !secondBest) {
        login.dismiss();
        this.#note(run, host, { server, reason: why, silent: false });
        return undefined;
      }
      const outcome: Outcome = { at: clock.now(), how: 'connected' };
      known.outcome = outcome;
      // Of a list of hosts, the one that is preferred is to be found by the next connect, too.
      book.noteHost(hostKey(host), why === undefined ? outcome : { ...outcome, how: 'refused' });
      const connected = { login, server, at: outcome.at };
      if (why === undefined) return connected;
      if (run.fallback === undefined) run.fallback = connected;
      else login.dismiss();
      return undefined;
    } catch (error) {
      const { login, expired } = attempt;
      if (run.signal.aborted) throw run.signal.reason;
      if (expired) login?.abandon();
      else if (server !== undefined) login?.dismiss();
      if (!expired && this.#isFinal(error)) throw error;
      server ??= serverOf(login?.client, addresses.list?.[index]);
      const reason = expired
        ? `did not answer within ${Math.round(attempt.limitMs)} ms`
        : messageOf(error);
      const told = expired ? undefined : error;
      this.#note(run, host, { server, reason, error: told, silent: expired });
      return undefined;
    } finally {
      attempt.over();
    }
  }

  /** A login at one address. A password that is refused is asked for once more: it may have been changed just now. */
  async #login(
    run: Run,
    attempt: LoginAttempt,
    changes: () => Readonly<Record<string, unknown>>,
  ): Promise<Login> {
    const { credentials } = this.#parts;
    for (let again = false; ; again = true) {
      const named = credentials?.named === true ? await attempt.within(credentials.both()) : {};
      const login = run.begin({ ...changes(), ...named });
      attempt.login = login;
      try {
        await attempt.within(login.done);
        return login;
      } catch (error) {
        if (again || attempt.expired || credentials === undefined) throw error;
        if ((error as { code?: unknown } | null)?.code !== '28P01') throw error;
        if (!(await attempt.within(credentials.renewed(login.client)))) throw error;
      }
    }
  }

  /** Why the server will not do; second best: it will, should no standby be found. */
  async #judge(
    known: KnownServer,
    login: Login,
    attrs: TargetSessionAttrs | undefined,
  ): Promise<{ readonly why: string | undefined; readonly secondBest: boolean }> {
    const { clock, maxReplicaLagMs: maxLagMs } = this.#parts;
    const prefers = attrs === 'prefer-standby';
    const first: Wanted = { attrs: prefers ? 'standby' : (attrs ?? 'any'), maxLagMs };
    let role = login.role.role;
    for (;;) {
      const { roleChangedAt } = known;
      const doubtful = clock.now() - roleChangedAt < ASK_MS;
      if (doubtful || !isKnown(role, first)) {
        role = await askRole(login.client, maxLagMs < Number.POSITIVE_INFINITY);
      }
      this.#learn(known, role);
      // Where it turned out meanwhile that the role has changed, what was asked before does not count.
      if (known.roleChangedAt === roleChangedAt) break;
    }
    const barred = attrs === undefined && clock.now() - known.demotedAt < BARRIER_MS;
    const why = whyUnfit(role, barred ? { ...first, attrs: 'primary' } : first);
    known.refusal = why;
    const secondBest = prefers && whyUnfit(role, { attrs: 'any', maxLagMs }) === undefined;
    return { why, secondBest };
  }

  /** What was the primary and is a standby now has lost its role, whoever sees it first. */
  #learn(known: KnownServer, role: Login['role']['role']): void {
    const before = known.role;
    known.role = role;
    if (before.standby === false && role.standby === true) this.#parts.demoted(known);
  }

  #note(
    run: Run,
    host: Host,
    what: { server: Server; reason: string; error?: unknown; silent: boolean },
  ): void {
    const { server, reason, error, silent } = what;
    const now = this.#parts.clock.now();
    const outcome: Outcome = { at: now, how: silent ? 'silent' : 'refused' };
    const known = this.#parts.book.of(server, now);
    known.outcome = outcome;
    known.refusal = reason;
    this.#parts.book.noteHost(hostKey(host), outcome);
    run.failures.push({ ...server, reason, ...(error === undefined ? {} : { error }) });
  }

  /** Whether no other server would answer differently: the login itself is wrong, or it is no matter of servers. */
  #isFinal(error: unknown): boolean {
    if (isCredentialsError(error)) return true;
    const kind = classifyConnectError(error);
    if (kind === undefined) return true;
    return kind === 'fatal' && /^(?:28|3D|42)/.test(String((error as { code?: unknown }).code));
  }

  /** As pg would fail where there is one host: with its own error. */
  #failure(run: Run, attrs: TargetSessionAttrs | undefined): Error {
    const { failures } = run;
    const errors = failures.map(({ error }) => error);
    if (this.#parts.hosts.hosts.length === 1 && errors.every((error) => error instanceof Error)) {
      const [first] = errors;
      if (errors.length === 1) return first as Error;
      // As Node's own for a name with several addresses.
      const message = failures.map(({ reason }) => reason).join('; ');
      const code = (first as { code?: unknown }).code;
      return Object.assign(new AggregateError(errors, message), code === undefined ? {} : { code });
    }
    return new NoSuitableHostError(attrs ?? 'any', failures, nameOf);
  }
}

function hostKey(host: Host): string {
  return `${host.name ?? ''}|${host.changes['port'] ?? ''}`;
}

function serverOf(client: pg.Client | undefined, address: string | undefined): Server {
  const { host = 'localhost', port = 0 } = (client ?? {}) as { host?: string; port?: number };
  const stream = client === undefined ? undefined : insideOf(client).connection?.stream;
  const remote = isIP(host) === 0 ? (address ?? stream?.remoteAddress) : host;
  return { host, port, address: remote ?? host };
}
