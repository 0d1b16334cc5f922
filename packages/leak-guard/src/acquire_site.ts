/**
 * Where in the user's code a lease was acquired.
 *
 * Taking a stack costs 1.3–3 µs, reading it 4–8 µs, a lease otherwise 16 µs of a whole `select 1`: so only a sample is
 * taken, and it is read only when the lease survives its first sweep. It *is* read then: an unread V8 stack refers to
 * the receivers of its frames, and would keep a lease stored in one of them reachable for ever.
 *
 * @module
 */
import { fileURLToPath } from 'node:url';
import type { LeakLevel } from './options.ts';

/** A place in the user's code. */
export interface AcquireSite {
  /** `file:line:column` of the innermost frame that belongs to neither a pool nor a library. */
  readonly at: string;
  /** The frames from there outwards, as V8 words them. */
  readonly stack: readonly string[];
}

/** A stack that was taken but not read. */
export interface CapturedSite {
  readonly stack?: string;
}

// biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace asks for exactly this
type Entry = Function;

const INTERVAL: Record<LeakLevel, number> = {
  disabled: Number.POSITIVE_INFINITY,
  simple: 128,
  advanced: 16,
  paranoid: 1,
};

/** Frames that a pool may put between its entry and the user's code, read and then cut away. */
const POOL_FRAMES = 8;

/** After a leak every acquire is taken for this long: the next one of its kind is then named. */
export const ESCALATION_MS = 600_000;

/** Chooses which acquires have their stack taken, and takes it. */
export class SiteSampler {
  readonly #interval: number;
  readonly #frames: number;
  #untilNext = 1;
  #seed = 0x2545f491;
  #escalatedUntil = Number.NEGATIVE_INFINITY;
  #escalated = false;

  constructor(level: LeakLevel, frames: number) {
    this.#interval = INTERVAL[level];
    this.#frames = frames;
  }

  /** @param now guard time, ms */
  escalate(now: number): void {
    if (this.#interval === Number.POSITIVE_INFINITY) return;
    this.#escalatedUntil = now + ESCALATION_MS;
    this.#escalated = true;
  }

  /** To be told the guard time at each sweep. */
  tick(now: number): void {
    if (this.#escalated && now >= this.#escalatedUntil) this.#escalated = false;
  }

  get escalated(): boolean {
    return this.#escalated;
  }

  /**
   * Whether this acquire is one of the sample. The gaps vary between 1 and twice the mean, so that a caller whose
   * pattern repeats every 128 acquires is not overlooked for ever.
   */
  chosen(): boolean {
    if (this.#escalated || this.#interval === 1) return true;
    if (this.#interval === Number.POSITIVE_INFINITY || --this.#untilNext > 0) return false;
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    this.#untilNext = 1 + (this.#seed % (2 * this.#interval - 1));
    return true;
  }

  /** @param entry the frames of this function and of what it called are left out */
  take(entry: Entry): CapturedSite {
    const before = Error.stackTraceLimit;
    const site: CapturedSite = {};
    try {
      Error.stackTraceLimit = this.#frames + POOL_FRAMES;
      Error.captureStackTrace(site, entry);
    } finally {
      Error.stackTraceLimit = before;
    }
    return site;
  }

  read(captured: CapturedSite | undefined): AcquireSite | undefined {
    return captured?.stack === undefined ? undefined : parseSite(captured.stack, this.#frames);
  }
}

const LIBRARY =
  /[\\/]node_modules[\\/]|[( ]node:|[\\/](?:pool-core|leak-guard)[\\/](?:src|dist)[\\/](?!\w+_test\.)|<anonymous>\)?$/;
const LOCATION = /^\s*at (?:.*\()?(.+?):(\d+):(\d+)\)?$/;

/** Reads V8's text of a stack; undefined when it has no frame with a place. */
export function parseSite(stack: string, frames: number): AcquireSite | undefined {
  const lines = stack.split('\n').filter((line) => LOCATION.test(line));
  const own = lines.findIndex((line) => !LIBRARY.test(line));
  const kept = lines.slice(own === -1 ? 0 : own).slice(0, frames);
  const place = LOCATION.exec(kept[0] ?? '');
  if (place === null) return undefined;
  const [, file = '', line, column] = place;
  const path = file.replace(/^async /, '');
  return {
    at: `${path.startsWith('file:') ? fileURLToPath(path) : path}:${line}:${column}`,
    stack: kept.map((frame) => frame.trim()),
  };
}
