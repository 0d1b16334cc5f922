/**
 * Where in the application a connection was asked for, for the error of the acquire that waits for it in vain.
 *
 * @module
 */

type EntryPoint = (...args: never[]) => unknown;

/** Frames kept: enough to leave a library or two behind. */
const FRAMES = 12;
/** After an acquire timed out, the next long holder is wanted by name: for this long, ms, stacks are taken more often. */
const ALERT_MS = 60_000;
const ALERT_SHARE = 1 / 20;

/**
 * Takes a stack for one acquire in `everyMs` at most: taking and reading one costs 12 us in a tight loop and 120 to 170 us among other
 * work, where V8's tables of the code are in no cache. At the default of 100 ms that is at most 0.17 % of a core however many
 * acquires there are, and a pool with fewer than 10 acquires a second knows all its holders. (One in a hundred acquires would
 * cost a busy pool more, and tell a quiet one, where people look, next to nothing.)
 */
export class AcquireSites {
  readonly #everyMs: number;
  #notBefore = Number.NEGATIVE_INFINITY;
  #alertUntil = Number.NEGATIVE_INFINITY;

  /** @param everyMs Infinity: never. */
  constructor(everyMs: number) {
    this.#everyMs = everyMs;
    if (everyMs === Number.POSITIVE_INFINITY) this.#notBefore = everyMs;
  }

  /**
   * The stack from the caller of `entryPoint` on, where this acquire is one of the sample. Read at once: V8's unread stacks refer to the
   * receivers of their frames, and would keep a lease that is stored in one of these from ever being proven lost.
   */
  take(now: number, entryPoint: EntryPoint): string | undefined {
    if (now < this.#notBefore) return undefined;
    this.#notBefore = now + this.#everyMs * (now < this.#alertUntil ? ALERT_SHARE : 1);
    return stackBelow(entryPoint);
  }

  /** An acquire timed out. */
  alert(now: number): void {
    this.#alertUntil = now + ALERT_MS;
    if (this.#everyMs < Number.POSITIVE_INFINITY) this.#notBefore = now;
  }
}

function stackBelow(entryPoint: EntryPoint): string | undefined {
  const limit = Error.stackTraceLimit;
  const holder: { stack?: unknown } = {};
  try {
    Error.stackTraceLimit = FRAMES;
    Error.captureStackTrace(holder, entryPoint);
    const { stack } = holder;
    const frames = typeof stack === 'string' ? stack.slice(stack.indexOf('\n') + 1) : '';
    return frames.includes(' at ') ? frames : undefined;
  } catch {
    // An application's prepareStackTrace failed: an acquire does not, for that.
    return undefined;
  } finally {
    Error.stackTraceLimit = limit;
  }
}

const LIBRARY = /[\\/]node_modules[\\/]|[( ]node:|<anonymous>\)?$/;
const PLACE = /^\s*at (?:.*\()?(.+:\d+:\d+)\)?$/;

/** `file:line:column` of the innermost frame of a stack that is the application's own. */
export function placeOf(stack: string): string | undefined {
  const frames = stack.split('\n');
  const own = frames.find((frame) => PLACE.test(frame) && !LIBRARY.test(frame)) ?? frames[0];
  return PLACE.exec(own ?? '')?.[1]?.replace(/^async /, '');
}
