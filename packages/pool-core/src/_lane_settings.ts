/**
 * Reading `pipelining`: its defaults and limits.
 */
import { ATLEAST0, type Check, checkAll, defined, whole } from './_option_checks.ts';
import { InvalidOptionError } from './errors.ts';
import type { PipeliningOptions } from './pg_pipelining_options.ts';

/** Durations in ms. */
export interface LaneSettings {
  readonly maxLanes: number;
  readonly window: number;
  readonly depth: number;
  readonly lingerMs: number;
  readonly slowMeanMs: number;
  readonly slowP95Ms: number;
  readonly headMs: number;
}

const DEFAULTS: LaneSettings = {
  maxLanes: 4,
  window: 64,
  depth: 32,
  lingerMs: 100,
  slowMeanMs: 5,
  slowP95Ms: 20,
  headMs: 8,
};

const CHECKS: Readonly<Record<keyof LaneSettings, Check>> = {
  maxLanes: whole(1),
  window: whole(1),
  depth: whole(1),
  lingerMs: ATLEAST0,
  slowMeanMs: ATLEAST0,
  slowP95Ms: ATLEAST0,
  headMs: ATLEAST0,
};

/** @returns undefined where nothing is to be shared. @throws InvalidOptionError */
export function readPipelining(given: unknown): LaneSettings | undefined {
  if (given === undefined || given === null || given === false) return undefined;
  if (given === true) return DEFAULTS;
  if (typeof given !== 'object') {
    throw new InvalidOptionError('pipelining', given, 'true, false, or an object of options');
  }
  checkAll(given, CHECKS, 'pipelining.');
  return { ...DEFAULTS, ...defined(given as PipeliningOptions) };
}

/** Whether statements get names. @throws InvalidOptionError */
export function readPrepare(given: unknown): boolean {
  if (given === undefined || given === null || given === false) return false;
  if (given === 'auto') return true;
  throw new InvalidOptionError('prepare', given, "'auto' or false");
}
