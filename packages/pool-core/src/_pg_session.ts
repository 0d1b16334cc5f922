/**
 * One session on the server, as its users leave it.
 */
import type pg from 'pg';
import { serverDeadline } from './_deadline.ts';
import {
  type ActiveQuery,
  activeQueryOf,
  type ClientInside,
  type ConnectionInside,
  insideOf,
  isBusy,
} from './_pg_client_inside.ts';
import type { PoolerDetector } from './_pg_pooler_detector.ts';
import {
  NAMELESS,
  NO_TRACES,
  PREPARED,
  SETTINGS,
  STATEMENTS_LOST,
  type Traces,
  together,
  tracesOf,
  undoing,
} from './_pg_session_policy.ts';
import { systemClock, type Timer } from './clock.ts';
import type { DestroyReason } from './contract.ts';

/** What has been done to sessions so far. */
export interface SessionCounts {
  /** Transactions that were left open or failed, rolled back at release. */
  rolledBack: number;
  /** Sessions whose state (settings, role, LISTEN, ...) was undone at release. */
  reset: number;
  /** Statements still running at release that were let finish. */
  drained: number;
  /** Sessions left with state that a pooler shares among its clients, so that nothing here can undo it. */
  shared: number;
}

export interface SessionRules {
  readonly reset: 'dirty' | 'always' | 'never';
  /** How long rolling back and undoing may take, and a statement still running at release. */
  readonly resetTimeoutMs: number;
  readonly counts: SessionCounts;
  readonly pooler: Pick<PoolerDetector, 'settle'>;
}

// Applications have few statements and say them often.
const KNOWN_LIMIT = 500;
const KNOWN_LENGTH = 2_000;
const known = new Map<string, Traces>();

function tracesOfStatement(text: string): Traces {
  if (text.length > KNOWN_LENGTH) return tracesOf(text);
  let traces = known.get(text);
  if (traces === undefined) {
    if (known.size >= KNOWN_LIMIT) known.clear();
    traces = tracesOf(text);
    known.set(text, traces);
  }
  return traces;
}

/**
 * Watches what the statements of one client leave behind, by their text as each command completes and by the settings
 * that the server reports. What it does not see: state changed inside a function, unless the server reports it (as it does
 * for application_name, TimeZone, DateStyle and a few more), and commands of pg-native, which has no events for them.
 */
export class PgSession {
  readonly #client: ClientInside;
  readonly #rules: SessionRules;
  #setUp: Traces = NO_TRACES;
  #left: Traces = NO_TRACES;
  /** The transaction status, where the client does not tell (pg before 8.21). */
  #status: string | undefined;
  /** Statements that were given during the set-up and may complete after it. */
  #ofSetUp: WeakSet<ActiveQuery> | undefined;
  #isSetUp = false;
  /** What the server reported: settings at the end of the set-up, and those that are different now. */
  readonly #reported = new Map<string, string>();
  readonly #changed = new Set<string>();
  readonly #watches: boolean;

  /** @param client not yet connected. */
  constructor(client: pg.Client, rules: SessionRules) {
    this.#client = insideOf(client);
    this.#rules = rules;
    const { connection } = this.#client;
    this.#watches = rules.reset !== 'never' && typeof connection?.on === 'function';
    if (!this.#watches || connection === undefined) return;
    this.#watchCommands(connection);
    connection.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) =>
      this.#told(message.parameterName, message.parameterValue),
    );
    if (this.#client.getTransactionStatus === undefined) {
      connection.on('readyForQuery', (message?: { status?: string }) => {
        this.#status = message?.status;
      });
    }
  }

  /**
   * Within pg's own listener where it has the usual one: an event with two listeners costs each command a microsecond more.
   */
  #watchCommands(connection: ConnectionInside): void {
    const client = this.#client;
    const handle = client._handleCommandComplete;
    if (typeof handle !== 'function') {
      connection.on('commandComplete', () => this.#completed());
      return;
    }
    client._handleCommandComplete = (message) => {
      this.#completed();
      handle.call(client, message);
    };
  }

  /** What the session is like now, and once the statements given so far are done, is how every user gets it. */
  endSetUp(): void {
    this.#isSetUp = true;
    const client = this.#client;
    const active = activeQueryOf(client);
    const queued = client._queryQueue ?? [];
    const sent = client._sentQueryQueue ?? [];
    if (active === undefined && queued.length === 0 && sent.length === 0) return;
    this.#ofSetUp = new WeakSet([...queued, ...sent]);
    if (active !== undefined) this.#ofSetUp.add(active);
  }

  /** Whether the server works for the session's user. */
  get busy(): boolean {
    return isBusy(this.#client);
  }

  /** Whether no transaction is open and nothing is running. */
  get idle(): boolean {
    return !isBusy(this.#client) && this.#openTransaction() === undefined;
  }

  /**
   * Makes the session as it was when it was set up. Undefined at once when that is so already, which costs no round trip.
   * Never rejects; a reason means that the session is beyond that.
   */
  clean(): Promise<DestroyReason | undefined> | undefined {
    if (!this.busy && this.#openTransaction() === undefined && !this.#isDirty()) return undefined;
    return this.#clean();
  }

  #isDirty(): boolean {
    if (this.#rules.reset === 'dirty') return this.#left !== NO_TRACES || this.#changed.size > 0;
    return this.#rules.reset === 'always';
  }

  async #clean(): Promise<DestroyReason | undefined> {
    const deadline = new Deadline(this.#rules.resetTimeoutMs);
    try {
      const { counts } = this.#rules;
      if (this.busy) {
        const running = activeQueryOf(this.#client) !== undefined;
        if (!(await deadline.within(this.#idleAgain()))) return 'released-busy';
        if (running) counts.drained++;
      }
      if (this.#openTransaction() !== undefined) {
        if (!(await deadline.within(this.#run('ROLLBACK')))) return 'reset-failed';
        counts.rolledBack++;
      }
      if (this.#isDirty()) {
        const undo = (await this.#isShared(deadline))
          ? this.#undoingReported()
          : undoing(this.#traces(), this.#setUp);
        if (undo === undefined) return 'reset-failed';
        if (undo !== '') {
          if (!(await deadline.within(this.#run(undo)))) return 'reset-failed';
          counts.reset++;
        }
        this.#left = NO_TRACES;
      }
      return this.#client._queryable === false ? 'connection-error' : undefined;
    } finally {
      deadline.cancel();
    }
  }

  /**
   * Whether a pooler gives the session's backend to others: what a statement left is then on a backend that this client may not
   * get again. Where it cannot be found out in time the session is taken for this client's own, and undoing does no harm.
   */
  async #isShared(deadline: Deadline): Promise<boolean> {
    let shared = false;
    const client = this.#client as unknown as pg.Client;
    const { pooler } = this.#rules;
    const settle = async (): Promise<true> => {
      let verdict = await pooler.settle(client);
      if (!verdict.settled) verdict = await pooler.settle();
      shared = verdict.mode !== undefined && !verdict.sessionState;
      return true;
    };
    await deadline.within(settle());
    return shared;
  }

  /** Settings that are reported to the client follow it from backend to backend; all else is beyond reach. */
  #undoingReported(): string | undefined {
    const { kinds, settings } = this.#left;
    if ((kinds & STATEMENTS_LOST) !== 0) return undefined;
    const reported = [...this.#changed];
    const beyond = settings === undefined || settings.some((name) => !this.#reported.has(name));
    if ((kinds & ~SETTINGS) !== 0 || beyond) this.#rules.counts.shared++;
    if (reported.length === 0) return '';
    return undoing(
      { kinds: SETTINGS, settings: reported, prepared: [] },
      { kinds: SETTINGS, settings: this.#setUp.settings, prepared: [] },
    );
  }

  #traces(): Traces {
    let traces = this.#left;
    if (this.#rules.reset === 'always') {
      const kinds = NAMELESS & ~this.#setUp.kinds;
      traces = together(traces, { kinds, settings: [], prepared: [] });
    }
    if (this.#changed.size > 0) {
      traces = together(traces, { kinds: SETTINGS, settings: [...this.#changed], prepared: [] });
    }
    return traces;
  }

  #openTransaction(): 'T' | 'E' | undefined {
    const status = this.#client.getTransactionStatus?.() ?? this.#status;
    return status === 'T' || status === 'E' ? status : undefined;
  }

  #completed(): void {
    const query = activeQueryOf(this.#client);
    if (query === undefined) return;
    let { text } = query;
    if (typeof text !== 'string') {
      if (typeof query.name !== 'string') return;
      text = this.#client.connection?.parsedStatements?.[query.name];
      if (typeof text !== 'string') return;
    }
    const traces = tracesOfStatement(text as string);
    if (traces === NO_TRACES) return;
    if (!this.#isSetUp || this.#ofSetUp?.has(query) === true) {
      this.#setUp = together(this.#setUp, traces);
    } else if ((traces.kinds & STATEMENTS_LOST) === 0 || this.#hasParsedStatements()) {
      this.#left = together(this.#left, traces);
    } else {
      // DISCARD ALL before pg prepared anything: all is as at the login.
      this.#left = this.#setUp.kinds === 0 ? NO_TRACES : together(this.#left, traces);
    }
  }

  #hasParsedStatements(): boolean {
    for (const _ in this.#client.connection?.parsedStatements) return true;
    return (this.#left.kinds & PREPARED) !== 0;
  }

  #told(name: string, value: string): void {
    const key = name.toLowerCase();
    const active = this.#isSetUp ? activeQueryOf(this.#client) : undefined;
    if (!this.#isSetUp || (active !== undefined && this.#ofSetUp?.has(active) === true)) {
      this.#reported.set(key, value);
    } else if (this.#reported.get(key) === value) this.#changed.delete(key);
    // Reported, not settable: what they follow is tracked as role and authorization, or is the server's own affair.
    else if (
      key !== 'is_superuser' &&
      key !== 'session_authorization' &&
      key !== 'in_hot_standby'
    ) {
      this.#changed.add(key);
    }
  }

  #idleAgain(): Promise<boolean> {
    return new Promise((resolve) => {
      const { connection } = this.#client;
      if (connection === undefined) {
        resolve(false);
        return;
      }
      const done = (idle: boolean): void => {
        connection.removeListener('readyForQuery', ready);
        connection.removeListener('end', ended);
        resolve(idle);
      };
      const ready = (): void => {
        // pg has read the message by now, and has sent the next statement if one was queued.
        if (!this.busy) done(true);
      };
      const ended = (): void => done(false);
      connection.on('readyForQuery', ready);
      connection.on('end', ended);
    });
  }

  #run(sql: string): Promise<boolean> {
    return new Promise((resolve) => {
      void (this.#client as unknown as pg.Client).query(sql, (error: Error | undefined) =>
        resolve(!error),
      );
    });
  }
}

/** One time limit over several steps. */
class Deadline {
  readonly #passed: Promise<false>;
  #timer: Timer | undefined;

  constructor(ms: number) {
    this.#passed = new Promise((resolve) => {
      this.#timer = serverDeadline(systemClock, ms, () => resolve(false));
    });
  }

  within(step: Promise<boolean>): Promise<boolean> {
    return Promise.race([step, this.#passed]);
  }

  cancel(): void {
    this.#timer?.cancel();
  }
}
