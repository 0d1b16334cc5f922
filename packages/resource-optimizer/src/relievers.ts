import type { Clock } from './clock.ts';
import { InvalidOptionError } from './errors.ts';
import type { PressureLevel } from './pressure_policy.ts';
import { PRESSURE_LEVELS } from './pressure_policy.ts';
import type { OptimizationAction } from './report.ts';

/** What is short, and how much. */
export interface Pressure {
  readonly resource: 'memory' | 'cpu';
  readonly level: PressureLevel;
  /** The share in use, 0..1. */
  readonly value: number;
  /** The share that was aimed at, 0..1. */
  readonly target: number;
  /** Bytes over the target; 0 when under it, or for the CPU. */
  readonly excessBytes: number;
  /** Aborted when the reliever is given up on, or the optimizer is stopped. */
  readonly signal: AbortSignal;
}

/** What a reliever says it did. */
export interface Relief {
  /** Bytes freed, as far as it knows. Given as 0, the action counts as not applied. */
  readonly freedBytes?: number;
  readonly detail?: string;
}

/** Somebody who can give something up when it gets tight: a cache that shrinks, a batch job that pauses. */
export interface Reliever {
  readonly name: string;
  /** @default {'memory'} */
  readonly resource?: Pressure['resource'];
  /** At which levels it is called. @default {['high', 'critical']} */
  readonly levels?: readonly PressureLevel[];
  /** Those with a lower number are called first; equals in the order of registration. @default {0} */
  readonly order?: number;
  relieve(pressure: Pressure): Relief | undefined | Promise<Relief | undefined>;
}

const DEFAULT_LEVELS: readonly PressureLevel[] = ['high', 'critical'];

/** The relievers, in the order in which they are asked. */
export class Relievers {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #list: Reliever[] = [];

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  register(reliever: Reliever): () => void {
    check(reliever);
    this.#list.push(reliever);
    // Stable: equals stay in the order of registration.
    this.#list.sort((a, b) => (a.order ?? 0) - (b.order ?? 0));
    return () => {
      this.#list = this.#list.filter((other) => other !== reliever);
    };
  }

  wants(resource: Pressure['resource'], level: PressureLevel): boolean {
    return this.#list.some((reliever) => isFor(reliever, resource, level));
  }

  /**
   * Asks one after the other, and measures around each. One that throws or hangs costs the others nothing but its time.
   *
   * @param measure what is measured before and after, in the unit of the resource
   * @param stop aborted when nobody waits for the outcome any more
   */
  async run(
    pressure: Omit<Pressure, 'signal'>,
    measure: () => number,
    stop: AbortSignal,
  ): Promise<OptimizationAction[]> {
    const actions: OptimizationAction[] = [];
    const unit = pressure.resource === 'memory' ? 'bytes' : 'share';
    for (const reliever of this.#list.filter((r) => isFor(r, pressure.resource, pressure.level))) {
      if (stop.aborted) break;
      const before = measure();
      const startedMs = this.#clock.now();
      const outcome = await this.#ask(reliever, pressure, stop);
      actions.push({
        name: `reliever:${reliever.name}`,
        ...outcome,
        before,
        after: measure(),
        unit,
        costMs: this.#clock.now() - startedMs,
      });
    }
    return actions;
  }

  async #ask(
    reliever: Reliever,
    pressure: Omit<Pressure, 'signal'>,
    stop: AbortSignal,
  ): Promise<Pick<OptimizationAction, 'applied' | 'reason' | 'claimedBytes'>> {
    const abort = new AbortController();
    let giveUp: (why: string) => void = () => undefined;
    const givenUp = new Promise<string>((resolve) => {
      giveUp = resolve;
    });
    const end = (why: string) => {
      abort.abort(new Error(why));
      giveUp(why);
    };
    const onStop = () => end('the optimizer was stopped');
    stop.addEventListener('abort', onStop, { once: true });
    const timer = this.#clock.setTimeout(
      () => end(`it did not finish within ${this.#timeoutMs} ms`),
      this.#timeoutMs,
      { ref: true },
    );
    try {
      // Inside an async function, so that a synchronous throw is a rejection too.
      const asked = (async () => reliever.relieve({ ...pressure, signal: abort.signal }))();
      const relief = await Promise.race([asked, givenUp]);
      if (typeof relief === 'string') return { applied: false, reason: relief };
      const freed = relief?.freedBytes;
      return {
        applied: freed !== 0,
        reason:
          relief?.detail ??
          (freed === 0 ? 'it had nothing to free' : `${pressure.resource} is ${pressure.level}`),
        ...(freed !== undefined && { claimedBytes: freed }),
      };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return { applied: false, reason: `it failed: ${text}` };
    } finally {
      timer.cancel();
      stop.removeEventListener('abort', onStop);
    }
  }
}

function isFor(reliever: Reliever, resource: Pressure['resource'], level: PressureLevel): boolean {
  return (
    (reliever.resource ?? 'memory') === resource &&
    (reliever.levels ?? DEFAULT_LEVELS).includes(level)
  );
}

function check(reliever: Reliever): void {
  if (typeof reliever?.name !== 'string' || reliever.name === '') {
    throw new InvalidOptionError('name', reliever?.name, 'a name for the reliever');
  }
  if (typeof reliever.relieve !== 'function') {
    throw new InvalidOptionError('relieve', reliever.relieve, 'a function');
  }
  const unknown = reliever.levels?.find((level) => !PRESSURE_LEVELS.includes(level));
  if (unknown !== undefined) {
    throw new InvalidOptionError('levels', unknown, `some of ${PRESSURE_LEVELS.join(', ')}`);
  }
  const { resource } = reliever;
  if (resource !== undefined && resource !== 'memory' && resource !== 'cpu') {
    throw new InvalidOptionError('resource', resource, '"memory" or "cpu"');
  }
}
