/**
 * Errors whose stack shows who asked.
 */

/**
 * What to resolve a caller's promise with so that it is rejected with a stack that leads back to the application's call, as in
 * pg-pool, at a price only when there is an error: a promise that is rejected a microtask later, so that the handler runs
 * with the awaiting caller on its (async) stack.
 */
export function rejectedFromCaller(error: unknown): Promise<never> {
  if (!(error instanceof Error)) return Promise.reject(error);
  let fail: (error: Error) => void = () => {};
  const failing = new Promise<never>((_, reject) => {
    fail = reject;
  });
  queueMicrotask(() => fail(error));
  return failing.catch((failure: Error) => {
    // A hook may have thrown a frozen one.
    if (Object.isExtensible(failure)) Error.captureStackTrace(failure);
    throw failure;
  });
}
