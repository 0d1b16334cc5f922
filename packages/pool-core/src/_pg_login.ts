/**
 * One login at one server, and how long it may take.
 */
import type pg from 'pg';
import { serverDeadline } from './_deadline.ts';
import type { RoleWatch } from './_pg_role.ts';
import type { Clock, Timer } from './clock.ts';

/** One client on its way. */
export interface Login {
  readonly client: pg.Client;
  readonly role: RoleWatch;
  /** Settles when the server has taken the login, or not. */
  readonly done: Promise<void>;
  /** Destroys the socket, in whatever state it is. */
  abandon(): void;
  /** Says goodbye to a server that will not do. */
  dismiss(): void;
}

/** The time limit of one attempt to log in. */
export class LoginAttempt {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #begun: number;
  readonly #stopped: Promise<never>;
  readonly #abort: () => void;
  #stop: (error: Error) => void = () => {};
  #timer: Timer | undefined;
  #over = false;
  expired = false;
  limitMs = 0;
  login: Login | undefined;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.#begun = clock.now();
    this.#stopped = new Promise((_, reject) => {
      this.#stop = reject;
    });
    this.#stopped.catch(() => undefined);
    this.#abort = () => {
      this.login?.abandon();
      this.#stop(signal.reason);
    };
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  /** It may take `ms` from now. */
  limit(ms: number): void {
    if (this.#over) return;
    this.#timer?.cancel();
    this.limitMs = this.#clock.now() - this.#begun + ms;
    if (ms === Number.POSITIVE_INFINITY) return;
    this.#timer = serverDeadline(this.#clock, ms, () => {
      this.expired = true;
      this.#stop(new Error('no answer'));
    });
  }

  within<T>(work: Promise<T>): Promise<T> {
    work.catch(() => undefined);
    return Promise.race([work, this.#stopped]);
  }

  over(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#signal.removeEventListener('abort', this.#abort);
  }
}
