/**
 * A promise whose settling is in the test's hands: the way to hold an operation exactly where the test wants it,
 * where a sleep would only hope.
 *
 * @module
 */

/** A promise together with the functions that settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  /** Settles the promise; without effect when it is settled already. */
  resolve(value: T | PromiseLike<T>): void;
  /** Settles the promise; without effect when it is settled already. */
  reject(error: unknown): void;
  /** Whether `resolve` or `reject` was called. */
  readonly settled: boolean;
}

/**
 * Makes a {@link Deferred}.
 *
 * @example
 * ```ts
 * import { deferred } from '@fynlo/testing/deferred';
 *
 * const gate = deferred();
 * const passed = gate.promise.then(() => 'through');
 * gate.resolve();
 * console.assert((await passed) === 'through');
 * ```
 */
export function deferred<T = void>(): Deferred<T> {
  let settled = false;
  let settle!: (value: T | PromiseLike<T>) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  return {
    promise,
    resolve(value) {
      settled = true;
      settle(value);
    },
    reject(error) {
      settled = true;
      fail(error);
    },
    get settled() {
      return settled;
    },
  };
}
