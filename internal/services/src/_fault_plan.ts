/**
 * What a fault mode means for a connection: a table from names to numbers, without any socket.
 *
 * @module
 */

/** What the network does to connections. */
export type FaultMode =
  | 'pass'
  | 'refuse'
  | 'accept-silent'
  | 'blackhole'
  | 'blackhole-to-server'
  | 'blackhole-to-client'
  | 'half-open'
  | 'reset'
  | 'delay'
  | 'throttle'
  | 'corrupt'
  | 'fin-mid-message';

/** Which way a `delay`, `throttle` or `corrupt` works. */
export type FaultDirection = 'both' | 'to-server' | 'to-client';

/** The numbers of a mode, and which connections it is for. */
export interface FaultOptions {
  /** `delay`: how long each piece of data is under way in each direction, ms. @default 100 */
  delayMs?: number;
  /** `delay`: up to this much more or less, evenly distributed, ms; data never overtakes data. @default 0 */
  jitterMs?: number;
  /** `throttle`: bytes per second of each direction of each connection. @default 10_000 */
  bytesPerSecond?: number;
  /** `corrupt`: one byte in about so many is changed. @default 1_000 */
  corruptEvery?: number;
  /** `delay`, `throttle`, `corrupt`: which way. @default 'both' */
  direction?: FaultDirection;
  /** Where jitter and corruption come from; the same seed does the same to the n-th connection. @default 1 */
  seed?: number;
  /** Whether it is for connections that are open already. @default true */
  existing?: boolean;
  /** Whether it is for connections yet to come. @default true */
  fresh?: boolean;
}

/** What happens to the data of one direction. */
export interface FlowPlan {
  /** Nothing moves: data, FIN and RST alike wait where they are. */
  readonly hold: boolean;
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly bytesPerSecond: number;
  readonly corruptEvery: number;
  /** The next piece of data goes without its last byte, followed by FIN. */
  readonly cutNext: boolean;
}

/** What happens to a connection. */
export interface FaultPlan {
  readonly mode: FaultMode;
  readonly seed: number;
  /** Whether a fresh connection is carried on to the server. */
  readonly connects: boolean;
  readonly toServer: FlowPlan;
  readonly toClient: FlowPlan;
}

const OPEN: FlowPlan = {
  hold: false,
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  corruptEvery: Number.POSITIVE_INFINITY,
  cutNext: false,
};
const HELD: FlowPlan = { ...OPEN, hold: true };

/** The plan of a mode; refuses names and numbers that mean nothing. */
export function faultPlan(mode: FaultMode, options: FaultOptions = {}): FaultPlan {
  const delayMs = atLeast(0, 'delayMs', options.delayMs ?? 100);
  const jitterMs = atLeast(0, 'jitterMs', options.jitterMs ?? 0);
  const bytesPerSecond = atLeast(1, 'bytesPerSecond', options.bytesPerSecond ?? 10_000);
  const corruptEvery = atLeast(1, 'corruptEvery', options.corruptEvery ?? 1_000);
  const direction = options.direction ?? 'both';

  const plan = (toServer: FlowPlan, toClient: FlowPlan, connects = true): FaultPlan => ({
    mode,
    seed: options.seed ?? 1,
    connects,
    toServer,
    toClient,
  });
  const shaped = (shape: Partial<FlowPlan>): FaultPlan =>
    plan(
      direction === 'to-client' ? OPEN : { ...OPEN, ...shape },
      direction === 'to-server' ? OPEN : { ...OPEN, ...shape },
    );

  switch (mode) {
    case 'pass':
      return plan(OPEN, OPEN);
    case 'accept-silent':
    case 'blackhole':
      return plan(HELD, HELD, false);
    case 'blackhole-to-server':
      return plan(HELD, OPEN);
    case 'blackhole-to-client':
      return plan(OPEN, HELD);
    case 'refuse':
    case 'reset':
    case 'half-open':
      return plan(OPEN, OPEN, false);
    case 'delay':
      return shaped({ delayMs, jitterMs });
    case 'throttle':
      return shaped({ bytesPerSecond });
    case 'corrupt':
      return shaped({ corruptEvery });
    case 'fin-mid-message':
      return plan(OPEN, { ...OPEN, cutNext: true });
    default:
      throw new TypeError(`There is no fault mode ${JSON.stringify(mode satisfies never)}`);
  }
}

function atLeast(least: number, name: string, value: number): number {
  if (Number.isFinite(value) && value >= least) return value;
  throw new RangeError(`${name} is ${value}; wanted a number from ${least} up`);
}
