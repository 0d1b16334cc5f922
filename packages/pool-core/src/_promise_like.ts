/**
 * Telling a value from the promise of one, so that synchronous hooks cost no tick.
 *
 * @module
 */

/** Whether `value` has to be waited for. */
export function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return (
    value !== null &&
    typeof value === 'object' &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}
