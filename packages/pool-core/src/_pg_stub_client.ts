/**
 * A pg Client without a server, for what counts in thousands or must happen in a given order.
 *
 * @module
 */
import { EventEmitter } from 'node:events';

type Done = (error?: Error | null, result?: unknown) => void;

/** Connects, answers and ends on the next tick, unless the test holds it. */
export class StubClient extends EventEmitter {
  static made: StubClient[] = [];
  /** What the next connects end with, in order; then they succeed. */
  static refusals: Error[] = [];

  readonly connection: { stream: { destroy(): void } } = { stream: { destroy() {} } };
  readonly readyForQuery: boolean = true;
  _queryable = true;
  _ending = false;

  constructor() {
    super();
    StubClient.made.push(this);
  }

  /** Forgets the clients of an earlier test. */
  static reset(): void {
    StubClient.made = [];
    StubClient.refusals = [];
  }

  connect(done: Done): void {
    const refusal = StubClient.refusals.shift();
    if (refusal !== undefined) this._queryable = false;
    process.nextTick(done, refusal);
  }

  query(text: string, values: unknown, done?: Done): void {
    const reply = (typeof values === 'function' ? values : done) as Done;
    if (text === 'fails') process.nextTick(reply, new Error('of the statement'));
    else process.nextTick(reply, undefined, { rows: [], rowCount: 0 });
  }

  getTransactionStatus(): 'I' {
    return 'I';
  }

  /** As pg does when a socket dies. */
  die(): void {
    this._queryable = false;
    this.emit('error', new Error('Connection terminated unexpectedly'));
    this.emit('end');
  }

  ref(): void {}
  unref(): void {}

  end(done?: () => void): void {
    this._ending = true;
    process.nextTick(() => {
      this.emit('end');
      done?.();
    });
  }
}
