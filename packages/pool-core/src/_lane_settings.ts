/**
 * Reading `pipelining`: its defaults and limits.
 */
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

const WHOLE: ReadonlySet<string> = new Set(['maxLanes', 'window', 'depth']);

/** @returns undefined where nothing is to be shared. @throws InvalidOptionError */
export function readPipelining(given: unknown): LaneSettings | undefined {
  if (given === undefined || given === null || given === false) return undefined;
  if (given === true) return DEFAULTS;
  if (typeof given !== 'object') {
    throw new InvalidOptionError('pipelining', given, 'true, false, or an object of options');
  }
  const settings: Record<string, number> = { ...DEFAULTS };
  for (const [name, value] of Object.entries(given as PipeliningOptions)) {
    if (!Object.hasOwn(DEFAULTS, name)) {
      const wanted = `one of ${Object.keys(DEFAULTS).join(', ')}`;
      throw new InvalidOptionError('pipelining', name, wanted);
    }
    if (value === undefined) continue;
    const fits = WHOLE.has(name) ? Number.isInteger(value) && value >= 1 : value >= 0;
    if (typeof value !== 'number' || !fits) {
      const wanted = WHOLE.has(name) ? 'a whole number >= 1' : 'a time >= 0, in ms';
      throw new InvalidOptionError(`pipelining.${name}`, value, wanted);
    }
    settings[name] = value;
  }
  return settings as unknown as LaneSettings;
}

/** Whether statements get names. @throws InvalidOptionError */
export function readPrepare(given: unknown): boolean {
  if (given === undefined || given === null || given === false) return false;
  if (given === 'auto') return true;
  throw new InvalidOptionError('prepare', given, "'auto' or false");
}
