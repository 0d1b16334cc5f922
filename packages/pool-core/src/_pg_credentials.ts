/**
 * Passwords that change: asking the application's provider, once for all who need the same answer.
 */
import type pg from 'pg';
import { checkSsl } from './_pg_ssl_setting.ts';
import type { Clock } from './clock.ts';
import { PoolError } from './errors.ts';
import type { LoginCredentials, PoolOptions } from './pg_options.ts';

type Provider = (parameters?: unknown) => unknown;

/** An answer, given or on its way. */
interface Answer {
  readonly value: Promise<unknown>;
  /** When it is to be asked for anew (monotonic ms). */
  freshUntil: number;
}

/** Connects that begin within this time share one answer: a pool that fills up calls its provider once, not ten times. */
const SHARED_MS = 1_000;
/** Of the connect's time: the provider's silence is told before the connect's deadline passes, which would not name it. */
const SHARE_OF_CONNECT = 0.8;

/** How long somebody who cannot wait for the provider waits for it, ms. */
const SOON_MS = 500;

const failures = new WeakSet<object>();

/** Whether the error came from the provider: no server has anything to do with it, and it may be over in a moment. */
export function isCredentialsError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && failures.has(error);
}

/** What a Client gets instead of a password. */
interface LoginTarget {
  password: unknown;
  user?: string | undefined;
  readonly host?: string;
  readonly port?: number;
  readonly connectionParameters?: { user?: string | undefined; password?: unknown };
}

export class Credentials {
  /** Whether the provider gives the user's name as well. */
  readonly named: boolean;
  /** The last user and password that were given, for who cannot wait for others. */
  last: LoginCredentials | undefined;
  readonly #provider: Provider;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  /** By host, port and user: a token may be for one of them only. */
  readonly #answers = new Map<string, Answer>();

  constructor(provider: Provider, named: boolean, clock: Clock, connectTimeoutMs: number) {
    this.#provider = provider;
    this.named = named;
    this.#clock = clock;
    this.#timeoutMs = connectTimeoutMs * SHARE_OF_CONNECT;
  }

  /** Of the options, where they have a provider that counts: in pg a password in the connection string wins. */
  static of(options: PoolOptions, clock: Clock, connectTimeoutMs: number): Credentials | undefined {
    const { credentials, password, connectionString } = options;
    if (credentials !== undefined) {
      return new Credentials(credentials, true, clock, connectTimeoutMs);
    }
    if (typeof password !== 'function' || hasPassword(connectionString)) return undefined;
    return new Credentials(password as Provider, false, clock, connectTimeoutMs);
  }

  /** User, password and TLS options for a new client. */
  async both(): Promise<LoginCredentials> {
    const given = (await this.#ask('', undefined)) as LoginCredentials | undefined;
    if (typeof given?.user === 'string' && typeof given.password === 'string') {
      try {
        checkSsl(given, false);
      } catch (error) {
        throw failed(error);
      }
      this.last = given;
      return given;
    }
    throw failed(
      new PoolError(
        'ERR_POOL_CREDENTIALS',
        'credentials() has to give { user, password }, both texts',
      ),
    );
  }

  /** Makes {@link last} what is valid by now, where the provider answers soon: a token of the last login may have expired. */
  async refresh(): Promise<void> {
    if (!this.named) return;
    let timer: { cancel(): void } | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#clock.setTimeout(resolve, SOON_MS);
    });
    await Promise.race([this.both().catch(() => undefined), late]);
    timer?.cancel();
  }

  /** Has the client ask here when the server wants its password, which is never where the server is down. */
  install(client: pg.Client, given: Partial<LoginCredentials>): void {
    const target = client as unknown as LoginTarget;
    if (this.named) {
      if (given.user === undefined) return;
      // A connection string would have overruled them.
      target.user = given.user;
      target.password = given.password;
      Object.assign(target.connectionParameters ?? {}, given);
      return;
    }
    const key = keyOf(target);
    target.password = (parameters: unknown) => this.#ask(key, parameters);
  }

  /**
   * After the server has refused the client's password: whether there is another one by now. Whoever comes first asks, the
   * others share the answer.
   */
  async renewed(client: pg.Client): Promise<boolean> {
    const target = client as unknown as LoginTarget;
    const key = this.named ? '' : keyOf(target);
    const used = target.password;
    const known = this.#answers.get(key);
    if (known !== undefined && passwordOf(await known.value) !== used) return true;
    if (this.#answers.get(key) === known) this.#answers.delete(key);
    return passwordOf(await this.#ask(key, target.connectionParameters)) !== used;
  }

  #ask(key: string, parameters: unknown): Promise<unknown> {
    const now = this.#clock.now();
    const known = this.#answers.get(key);
    if (known !== undefined && now < known.freshUntil) return known.value;
    const answer: Answer = { value: this.#call(parameters), freshUntil: now + this.#timeoutMs };
    this.#answers.set(key, answer);
    answer.value.then(
      () => {
        answer.freshUntil = this.#clock.now() + SHARED_MS;
      },
      () => {
        if (this.#answers.get(key) === answer) this.#answers.delete(key);
      },
    );
    return answer.value;
  }

  async #call(parameters: unknown): Promise<unknown> {
    const late = new PoolError(
      'ERR_POOL_CREDENTIALS',
      `The ${this.named ? 'credentials' : 'password'} function did not answer within ${Math.round(this.#timeoutMs)} ms`,
    );
    let timer: { cancel(): void } | undefined;
    try {
      const given = Promise.resolve(this.#provider(parameters));
      const expired = new Promise((_, reject) => {
        timer = this.#clock.setTimeout(() => reject(late), this.#timeoutMs);
      });
      return await Promise.race([given, expired]);
    } catch (error) {
      throw failed(error);
    } finally {
      timer?.cancel();
    }
  }
}

function failed(error: unknown): Error {
  const failure = error instanceof Error ? error : new Error(String(error));
  failures.add(failure);
  return failure;
}

function keyOf({ host, port, user }: LoginTarget): string {
  return `${host}|${port}|${user}`;
}

function passwordOf(given: unknown): unknown {
  return typeof given === 'object' && given !== null && 'password' in given
    ? given.password
    : given;
}

function hasPassword(connectionString: string | undefined): boolean {
  if (connectionString === undefined || connectionString === '') return false;
  const user = /^[a-z]+:\/\/([^/?#]*)@/i.exec(connectionString)?.[1];
  return user?.includes(':') === true || /[?&]password=./.test(connectionString);
}
