/**
 * Connections that cost nothing, and a server that makes them and misbehaves on demand.
 *
 * @module
 */
import type { ClockLike, TimerLike } from './fake_clock.ts';

/** What a {@link FakeServer} says when it refuses, as Node says it. */
export class FakeConnectError extends Error {
  override readonly name: string = 'FakeConnectError';
  /** `ECONNREFUSED`, or `53300` (PostgreSQL's too_many_connections) at the limit, or what the test chose. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A plain resource: open until one of its sides closes it. */
export class FakeConnection {
  /** Counts from 1, one number per connection the server ever opened. */
  readonly id: number;
  #open = true;
  #lost: Error | undefined;
  readonly #gone: (connection: FakeConnection) => void;
  readonly #lossListeners = new Set<(error: Error) => void>();

  /** Made by {@link FakeServer.connect}. */
  constructor(id: number, gone: (connection: FakeConnection) => void) {
    this.id = id;
    this.#gone = gone;
  }

  /** Whether it can be used. */
  get open(): boolean {
    return this.#open;
  }

  /** Why the server's side went away; undefined while open, and after a {@link close} of our own. */
  get lostBecause(): Error | undefined {
    return this.#lost;
  }

  /** Our side closes. The second time is harmless. */
  close(): void {
    this.#end();
  }

  /** The server's side goes away; those listening hear of it. */
  lose(error: Error = new FakeConnectError('ECONNRESET', 'the fake server cut this one')): void {
    if (!this.#open) return;
    this.#lost = error;
    this.#end();
    for (const listener of [...this.#lossListeners]) listener(error);
  }

  /** Calls `listener` when the server's side goes away. Returns how to stop listening. */
  onLost(listener: (error: Error) => void): () => void {
    this.#lossListeners.add(listener);
    return () => void this.#lossListeners.delete(listener);
  }

  #end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#gone(this);
  }
}

/** How a {@link FakeServer} begins. Everything can be changed later. */
export interface FakeServerOptions {
  /** Needed where `latencyMs` is above 0. */
  clock?: ClockLike;
  /** How long a connect takes. @default 0 (a promise's hop) */
  latencyMs?: number;
  /** More than these are refused with code 53300. @default Infinity */
  maxConnections?: number;
}

interface Attempt {
  admit(): void;
}

/**
 * Makes connections, counts them, and can be slow, refuse, or hang.
 *
 * @example
 * ```ts
 * import { FakeServer } from '@fynlo/testing/fake-connection';
 *
 * const server = new FakeServer();
 * const connection = await server.connect();
 * console.assert(server.open === 1 && server.peak === 1);
 * connection.close();
 * server.refuse();
 * await server.connect().catch((error) => console.assert(error.code === 'ECONNREFUSED'));
 * ```
 */
export class FakeServer {
  /** How long a connect takes; read at each attempt. */
  latencyMs: number;
  /** More than these are refused with code 53300; read as an attempt is let in. */
  maxConnections: number;
  /** Connects asked for. */
  attempts = 0;
  /** Connects that succeeded. */
  opened = 0;
  /** Connections that ended, by either side. */
  closed = 0;
  /** Connects refused, at the limit or by {@link refuse}. */
  refused = 0;
  /** Connects given up by their signal. */
  aborted = 0;
  /** The most connections that were open at once. */
  peak = 0;
  /** The most connects that were under way at once. */
  peakPending = 0;

  readonly #clock: ClockLike | undefined;
  readonly #connections = new Set<FakeConnection>();
  readonly #pending = new Set<Attempt>();
  readonly #hanging = new Set<Attempt>();
  #refusal: Error | undefined;
  #hangs = false;

  constructor(options: FakeServerOptions = {}) {
    this.#clock = options.clock;
    this.latencyMs = options.latencyMs ?? 0;
    this.maxConnections = options.maxConnections ?? Number.POSITIVE_INFINITY;
  }

  /** Connections open now. */
  get open(): number {
    return this.#connections.size;
  }

  /** Connects under way now, the hanging ones among them. */
  get pending(): number {
    return this.#pending.size;
  }

  /** The open connections, the oldest first. */
  get connections(): readonly FakeConnection[] {
    return [...this.#connections];
  }

  /** From now on, connects succeed. Those that hang go on hanging: see {@link admit}. */
  accept(): void {
    this.#refusal = undefined;
    this.#hangs = false;
  }

  /** From now on, connects fail (after the latency). */
  refuse(error: Error = new FakeConnectError('ECONNREFUSED', 'the fake server refuses')): void {
    this.#refusal = error;
    this.#hangs = false;
  }

  /** From now on, connects wait until {@link admit} lets them in or their signal gives them up. */
  hang(): void {
    this.#hangs = true;
  }

  /** Lets the oldest of the hanging connects in (or lets them fail, where the server refuses by now). */
  admit(count: number = Number.POSITIVE_INFINITY): void {
    for (const attempt of [...this.#hanging].slice(0, count)) {
      this.#hanging.delete(attempt);
      attempt.admit();
    }
  }

  /** Cuts every open connection, as a server that crashed. Returns how many. */
  loseAll(error?: Error): number {
    const all = [...this.#connections];
    for (const connection of all) connection.lose(error);
    return all.length;
  }

  /**
   * Opens a connection. Rejects with {@link FakeConnectError} (or the error given to {@link refuse}), or with the
   * signal's reason; an attempt given up never opens anything.
   */
  connect(signal?: AbortSignal): Promise<FakeConnection> {
    this.attempts++;
    return new Promise((resolve, reject) => {
      if (this.latencyMs > 0 && this.#clock === undefined) {
        throw new TypeError('A FakeServer with latencyMs needs a clock: new FakeServer({ clock })');
      }
      if (signal?.aborted) {
        this.aborted++;
        reject(signal.reason);
        return;
      }
      const hangs = this.#hangs;
      const attempt: Attempt = {
        admit: () => {
          settle();
          try {
            resolve(this.#open());
          } catch (error) {
            reject(error);
          }
        },
      };
      const giveUp = (): void => {
        settle();
        this.aborted++;
        reject(signal?.reason);
      };
      const settle = (): void => {
        timer?.cancel();
        signal?.removeEventListener('abort', giveUp);
        this.#pending.delete(attempt);
        this.#hanging.delete(attempt);
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#pending.add(attempt);
      this.peakPending = Math.max(this.peakPending, this.#pending.size);
      let timer: TimerLike | undefined;
      if (hangs) this.#hanging.add(attempt);
      else if (this.latencyMs > 0) timer = this.#clock?.setTimeout(attempt.admit, this.latencyMs);
      else queueMicrotask(() => this.#pending.has(attempt) && attempt.admit());
    });
  }

  #open(): FakeConnection {
    if (this.#refusal !== undefined) {
      this.refused++;
      throw this.#refusal;
    }
    if (this.#connections.size >= this.maxConnections) {
      this.refused++;
      throw new FakeConnectError('53300', 'sorry, too many clients already');
    }
    const connection = new FakeConnection(++this.opened, (gone) => {
      this.#connections.delete(gone);
      this.closed++;
    });
    this.#connections.add(connection);
    this.peak = Math.max(this.peak, this.#connections.size);
    return connection;
  }
}
