/**
 * A client's stand-in for one checkout (`leases: true`): it does what the client does, until it is released.
 */
import type pg from 'pg';
import { LeaseReleasedError } from './errors.ts';

type Release = (error?: unknown) => void | Promise<void>;
type StandIn = pg.PoolClient & { readonly release: Release };
type StandInClass = new (client: pg.Client, leaseId: number, giveBack: Release) => StandIn;

/** What a holder may still do with a client that is no longer his: tidy up, and look. */
const ALLOWED_AFTERWARDS: ReadonlySet<PropertyKey> = new Set([
  'removeListener',
  'off',
  'listenerCount',
  'listeners',
  'rawListeners',
  'eventNames',
  'getMaxListeners',
  'emit',
]);

/** Each stand-in has its own. */
const OWN: ReadonlySet<PropertyKey> = new Set(['constructor', 'release', Symbol.asyncDispose]);

const classes = new WeakMap<object, StandInClass>();

/**
 * The client keeps no reference to its stand-in, so one that its holder lost can be collected. The release function
 * does refer to it: who holds that alone still holds the lease.
 */
export function standInFor(client: pg.Client, leaseId: number, giveBack: Release): StandIn {
  const prototype = Object.getPrototypeOf(client) as object;
  let StandInOfIt = classes.get(prototype);
  if (StandInOfIt === undefined) {
    StandInOfIt = makeClass(client, prototype);
    classes.set(prototype, StandInOfIt);
  }
  return new StandInOfIt(client, leaseId, giveBack);
}

let isHeld: (value: unknown) => value is Held = (_): _ is Held => false;

abstract class Held {
  readonly #client: pg.Client;
  readonly #leaseId: number;
  readonly #giveBack: Release;
  #over = false;
  /** A function of each one's own, as pg-pool's: it may be passed on alone, and replaced. */
  declare release: Release;

  static {
    isHeld = (value): value is Held =>
      typeof value === 'object' && value !== null && #over in value;
  }

  constructor(client: pg.Client, leaseId: number, giveBack: Release) {
    this.#client = client;
    this.#leaseId = leaseId;
    this.#giveBack = giveBack;
    this.release = (error) => Held.giveBack(this, error);
  }

  static clientOf(standIn: Held, use: PropertyKey): pg.Client {
    if (standIn.#over && !ALLOWED_AFTERWARDS.has(use)) {
      throw new LeaseReleasedError(standIn.#leaseId, `use ${String(use)} of the client`);
    }
    return standIn.#client;
  }

  static peek(standIn: Held): pg.Client {
    return standIn.#client;
  }

  static giveBack(standIn: Held, error?: unknown): void | Promise<void> {
    standIn.#over = true;
    return standIn.#giveBack(error);
  }

  // Here, so that an instance need not define them, which is dear, and none is looked for beyond the Proxy.
  static readonly own: PropertyDescriptorMap = {
    release: { configurable: true, writable: true },
    [Symbol.asyncDispose]: {
      configurable: true,
      get(this: Held): () => Promise<void> {
        return async () => {
          if (!this.#over) await Held.giveBack(this);
        };
      },
    },
  };
}

/** One class per class of client: its methods and fields are looked up once. */
function makeClass(sample: pg.Client, prototype: object): StandInClass {
  class StandIn extends Held {}
  Object.defineProperties(StandIn.prototype, Held.own);
  // A promise that resolves with a stand-in looks for one.
  Object.defineProperty(StandIn.prototype, 'then', { configurable: true, writable: true });
  const members = new Map<PropertyKey, PropertyDescriptor>();
  for (let level: object | null = sample; level !== null && level !== Object.prototype; ) {
    for (const key of Reflect.ownKeys(level)) {
      if (OWN.has(key) || members.has(key)) continue;
      const descriptor = Object.getOwnPropertyDescriptor(level, key);
      if (descriptor !== undefined) members.set(key, descriptor);
    }
    level = Object.getPrototypeOf(level);
  }
  for (const [key, { value, enumerable = false }] of members) {
    if (typeof value === 'function' && !Object.hasOwn(sample, key)) {
      Object.defineProperty(StandIn.prototype, key, {
        configurable: true,
        writable: true,
        value(this: Held, ...args: unknown[]): unknown {
          const client = StandIn.clientOf(this, key) as unknown as Record<
            PropertyKey,
            (...args: unknown[]) => unknown
          >;
          // Looked up now: a tracer may have patched the method since.
          const result = client[key]?.(...args);
          return result === client ? this : result;
        },
      });
      continue;
    }
    Object.defineProperty(StandIn.prototype, key, {
      configurable: true,
      enumerable,
      get(this: Held): unknown {
        return Reflect.get(StandIn.peek(this), key);
      },
      set(this: Held, to: unknown) {
        Reflect.set(StandIn.clientOf(this, key), key, to);
      },
    });
  }
  // Between the two, for what the sample did not have: an application's own fields, which it finds on the client whichever way it
  // got there. Its target inherits from the client's prototype, so that instanceof pg.Client holds.
  const further = new Proxy(Object.create(prototype) as object, {
    has: (target, key) => Reflect.has(target, key),
    get: (target, key, standIn) =>
      isHeld(standIn) ? Reflect.get(Held.peek(standIn), key) : Reflect.get(target, key),
    set: (target, key, to, standIn) =>
      isHeld(standIn)
        ? Reflect.set(Held.clientOf(standIn, key), key, to)
        : Reflect.set(target, key, to),
  });
  Object.setPrototypeOf(StandIn.prototype, further);
  return StandIn as unknown as StandInClass;
}
