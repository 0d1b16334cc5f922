/**
 * Reading the options of the manager: their limits, and what they become.
 */
import {
  ATLEAST0,
  type Check,
  COUNT,
  checkAll,
  DURATION,
  defined,
  FINITE,
  FLAG,
  SHARE,
  TEXT,
  whole,
  wholeOrNever,
} from './_option_checks.ts';
import { readTuning } from './_tuning_settings.ts';
import { type Clock, systemClock } from './clock.ts';
import type { ConnectionFactory } from './connection_factory.ts';
import { InvalidOptionError } from './errors.ts';
import { DEFAULTS, type DynamicConnectionPoolManagerOptions } from './options.ts';
import type { Tuning } from './tuning_options.ts';

/** The options as the pool reads them: every one present, every one checked. */
export interface Settings<C> {
  readonly factory: ConnectionFactory<C>;
  readonly name: string;
  readonly minConnections: number;
  readonly maxConnections: number;
  readonly idleFloor: number;
  readonly scalingThreshold: number;
  readonly scaleDownThreshold: number;
  readonly idleTimeoutMs: number;
  readonly exactIdleTimeout: boolean;
  readonly connectionLifetimeMs: number;
  readonly lifetimeJitter: number;
  readonly maxUses: number;
  readonly healthCheckIntervalMs: number;
  readonly healthCheckTimeoutMs: number;
  readonly acquireTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly resetTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly acquireStackEveryMs: number;
  readonly endGraceMs: number;
  readonly maxConnecting: number;
  readonly maxWaiting: number;
  readonly whileDown: 'wait' | 'reject';
  readonly wrapConnectErrors: boolean;
  readonly adaptiveCeiling: boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly tuning: Tuning;
}

const CHECKS: Readonly<Record<keyof DynamicConnectionPoolManagerOptions<unknown>, Check>> = {
  factory: [
    'an object with create() and destroy()',
    (value) => {
      const factory = value as Partial<ConnectionFactory<unknown>> | null | undefined;
      return typeof factory?.create === 'function' && typeof factory.destroy === 'function';
    },
  ],
  name: TEXT,
  minConnections: COUNT,
  maxConnections: whole(1),
  idleFloor: COUNT,
  scalingThreshold: SHARE,
  scaleDownThreshold: SHARE,
  idleTimeoutMs: DURATION,
  exactIdleTimeout: FLAG,
  connectionLifetimeMs: DURATION,
  lifetimeJitter: SHARE,
  maxUses: wholeOrNever(1),
  healthCheckIntervalMs: DURATION,
  healthCheckTimeoutMs: FINITE,
  acquireTimeoutMs: ATLEAST0,
  connectTimeoutMs: DURATION,
  resetTimeoutMs: FINITE,
  closeTimeoutMs: FINITE,
  acquireStackEveryMs: ATLEAST0,
  endGraceMs: ATLEAST0,
  maxConnecting: whole(1),
  maxWaiting: wholeOrNever(0),
  whileDown: [`'wait' or 'reject'`, (value) => value === 'wait' || value === 'reject'],
  wrapConnectErrors: FLAG,
  adaptiveCeiling: FLAG,
  clock: [
    'an object with now(), wallNow() and setTimeout()',
    (value) => {
      const { now, wallNow, setTimeout } = (value ?? {}) as Record<string, unknown>;
      return [now, wallNow, setTimeout].every((part) => typeof part === 'function');
    },
  ],
  random: ['a function', (value) => typeof value === 'function'],
  tuning: ['an object', (value) => typeof value === 'object' && value !== null],
};

/**
 * Checks the options and fills in the defaults.
 *
 * @throws InvalidOptionError naming the option, its value and what was wanted.
 */
export function readOptions<C>(options: DynamicConnectionPoolManagerOptions<C>): Settings<C> {
  checkAll(options, CHECKS, '');
  if (options.factory === undefined) {
    throw new InvalidOptionError('factory', undefined, CHECKS.factory[0]);
  }
  const tuning = readTuning(options.tuning ?? {});
  const given = defined(options);
  const maxConnections = options.maxConnections ?? DEFAULTS.maxConnections;
  // A small maximum alone is no contradiction to a default.
  const minConnections =
    options.minConnections ?? Math.min(DEFAULTS.minConnections, maxConnections);
  const settings: Settings<C> = {
    clock: systemClock,
    random: Math.random,
    ...DEFAULTS,
    ...given,
    factory: options.factory,
    maxConnections,
    minConnections,
    idleFloor: options.idleFloor ?? minConnections,
    tuning: {
      ...tuning,
      maxConnectingCap: Math.max(
        tuning.maxConnectingCap,
        options.maxConnecting ?? DEFAULTS.maxConnecting,
      ),
    },
  };
  if (minConnections > maxConnections) {
    throw new InvalidOptionError(
      'minConnections',
      minConnections,
      `at most maxConnections (${maxConnections})`,
    );
  }
  if (settings.scaleDownThreshold >= settings.scalingThreshold) {
    throw new InvalidOptionError(
      'scaleDownThreshold',
      settings.scaleDownThreshold,
      `below scalingThreshold (${settings.scalingThreshold})`,
    );
  }
  return settings;
}

const BOUNDS = { min: COUNT, max: CHECKS.maxConnections };

/** What `resize()` was given; what was not given is as it was. @throws InvalidOptionError */
export function readBounds(
  given: { readonly min?: number; readonly max?: number },
  was: { readonly min: number; readonly max: number },
): { readonly min: number; readonly max: number } {
  checkAll(given, BOUNDS, '');
  const { min = was.min, max = was.max } = given;
  if (min > max) throw new InvalidOptionError('min', min, `at most max (${max})`);
  return { min, max };
}
