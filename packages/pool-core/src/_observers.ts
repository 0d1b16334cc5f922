/**
 * Tells observers and diagnostics channels what happened. Free while nobody listens.
 *
 * @module
 */
import { type Channel, channel } from 'node:diagnostics_channel';
import type { Entry } from './_entry.ts';
import type { AcquiredEvent, PoolObserver } from './contract.ts';
import { InvalidOptionError } from './errors.ts';

type Fact = Exclude<keyof PoolObserver, 'tracksLeases'>;
type EventOf<F extends Fact> =
  Parameters<NonNullable<PoolObserver[F]>> extends [infer E] ? E : undefined;

/** The process-wide channels; a message is the event with the pool's name as `pool`. */
const CHANNELS: Readonly<Record<Fact, Channel>> = {
  acquiring: channel('fynlo:pool:acquiring'),
  acquired: channel('fynlo:pool:acquired'),
  released: channel('fynlo:pool:released'),
  rejected: channel('fynlo:pool:rejected'),
  created: channel('fynlo:pool:created'),
  destroyed: channel('fynlo:pool:destroyed'),
  scaled: channel('fynlo:pool:scaled'),
  stateChanged: channel('fynlo:pool:stateChanged'),
  serverChanged: channel('fynlo:pool:serverChanged'),
  reclaimed: channel('fynlo:pool:reclaimed'),
  closed: channel('fynlo:pool:closed'),
};
const FACTS = Object.keys(CHANNELS) as readonly Fact[];
const { acquiring: ACQUIRING, acquired: ACQUIRED, released: RELEASED } = CHANNELS;

/** What is told of a connection that was lent. */
type Lent = Pick<Entry<unknown>, 'leaseId' | 'id' | 'label'>;

/** The observers of one pool. */
export class Observers {
  readonly #name: string;
  #observers: readonly PoolObserver[] = [];
  /** Whether an observer wants lease objects. */
  tracksLeases = false;
  #hearAcquiring = false;
  #warned = false;

  constructor(name: string) {
    this.#name = name;
  }

  /** @throws InvalidOptionError */
  add(observer: PoolObserver): () => void {
    if (typeof observer !== 'object' || observer === null) {
      throw new InvalidOptionError(
        'observer',
        observer,
        'an object of functions, see PoolObserver',
      );
    }
    for (const fact of FACTS) {
      const told: unknown = observer[fact];
      if (told !== undefined && typeof told !== 'function') {
        throw new InvalidOptionError(`observer.${fact}`, told, 'a function');
      }
    }
    // The list is replaced, never changed: telling goes on undisturbed when an observer leaves while being told.
    this.#set([...this.#observers, observer]);
    return () => this.#set(this.#observers.filter((other) => other !== observer));
  }

  /** One fact alone. @throws InvalidOptionError */
  on<F extends Fact>(fact: F, listener: NonNullable<PoolObserver[F]>): () => void {
    if (!FACTS.includes(fact)) throw new InvalidOptionError('fact', fact, FACTS.join(', '));
    if (typeof listener !== 'function') {
      throw new InvalidOptionError('listener', listener, 'a function');
    }
    return this.add({ [fact]: listener } as PoolObserver);
  }

  /** Whether anybody would hear of acquires and releases; so that no event is built for nobody. */
  get hearsLeases(): boolean {
    return this.#observers.length > 0 || ACQUIRED.hasSubscribers || RELEASED.hasSubscribers;
  }

  /** Whether anybody would hear that an acquire has begun. */
  get hearAcquiring(): boolean {
    return this.#hearAcquiring || ACQUIRING.hasSubscribers;
  }

  /** An acquire begins, called for by `entry`. */
  acquiring(
    leaseId: number,
    label: string | undefined,
    entry: (...args: never[]) => unknown,
  ): void {
    this.tell('acquiring', label === undefined ? { leaseId, entry } : { leaseId, entry, label });
  }

  /** `lease` is for those who track leases. */
  acquired({ leaseId, id, label }: Lent, waitedMs: number, lease: object | undefined): void {
    const event = acquiredEvent(leaseId, id, waitedMs, label);
    let withLease: AcquiredEvent | undefined;
    for (const observer of this.#observers) {
      if (observer.acquired === undefined) continue;
      let told = event;
      if (observer.tracksLeases === true && lease !== undefined) {
        withLease ??= withLeaseOf(event, lease);
        told = withLease;
      }
      this.#call('acquired', observer, told);
    }
    if (ACQUIRED.hasSubscribers) ACQUIRED.publish({ pool: this.#name, ...event });
  }

  /** An acquire ended without a connection; `leaseId` 0: none was allotted. */
  rejected(error: Error, waitedMs: number, leaseId: number): void {
    const code = 'code' in error ? String(error.code) : error.name;
    this.tell('rejected', leaseId === 0 ? { code, waitedMs } : { code, waitedMs, leaseId });
  }

  tell<F extends Exclude<Fact, 'acquired'>>(fact: F, event: EventOf<F>): void {
    for (const observer of this.#observers) {
      this.#call(fact, observer, event);
    }
    const published = CHANNELS[fact];
    if (published.hasSubscribers) {
      published.publish({ pool: this.#name, ...(event as object | undefined) });
    }
  }

  /** What an observer throws, now or by its promise, is no caller's business. */
  #call<F extends Fact>(fact: F, observer: PoolObserver, event: EventOf<F>): void {
    try {
      const told = observer[fact] as ((event: EventOf<F>) => unknown) | undefined;
      const returned = told?.call(observer, event);
      if (returned instanceof Promise) returned.catch((error) => this.#warn(fact, error));
    } catch (error) {
      this.#warn(fact, error);
    }
  }

  #set(observers: readonly PoolObserver[]): void {
    this.#hearAcquiring = observers.some((observer) => observer.acquiring !== undefined);
    this.tracksLeases = observers.some((observer) => observer.tracksLeases === true);
    // Last: what an observer's own code throws meanwhile leaves the pool without it.
    this.#observers = observers;
  }

  /** Once: an observer that throws on every acquire must not flood the log as well. */
  #warn(fact: Fact, error: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    process.emitWarning(
      `An observer of pool "${this.#name}" threw in ${fact}(): ${String(error)}. Said once.`,
      'FynloPoolWarning',
    );
  }
}

function acquiredEvent(
  leaseId: number,
  connectionId: number,
  waitedMs: number,
  label: string | undefined,
): AcquiredEvent {
  return label === undefined
    ? { leaseId, connectionId, waitedMs }
    : { leaseId, connectionId, waitedMs, label };
}

/** Spelled out: a spread costs more than all else that is done for the event. */
function withLeaseOf(
  { leaseId, connectionId, waitedMs, label }: AcquiredEvent,
  lease: object,
): AcquiredEvent {
  return label === undefined
    ? { leaseId, connectionId, waitedMs, lease }
    : { leaseId, connectionId, waitedMs, label, lease };
}
