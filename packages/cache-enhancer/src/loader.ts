import type { Clock } from './clock.ts';
import { LoaderTimeoutError } from './errors.ts';

/** What a loader may want to know. */
export interface LoaderContext {
  readonly key: string;
  /** Aborted when the loader has had `loaderTimeoutMs`. */
  readonly signal: AbortSignal;
}

/** Makes the value of a key, typically from the database. A plain value, or a promise of one. */
export type Loader<T> = (context: LoaderContext) => Promise<T> | T;

/** Runs a loader, at most for `timeoutMs`. @throws LoaderTimeoutError, or what the loader throws */
export async function runLoader<T>(
  loader: Loader<T>,
  key: string,
  timeoutMs: number,
  clock: Clock,
): Promise<T> {
  let abort: AbortController | undefined;
  const context: LoaderContext = {
    key,
    // Made when asked for: most loaders do not, and a controller costs more than all the rest here.
    get signal(): AbortSignal {
      abort ??= new AbortController();
      return abort.signal;
    },
  };
  const result = loader(context);
  if (!isPromise(result)) return result;
  let timer: { cancel(): void } | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = clock.setTimeout(() => {
      const error = new LoaderTimeoutError(key, timeoutMs);
      abort?.abort(error);
      reject(error);
    }, timeoutMs);
  });
  try {
    return await Promise.race([result, limit]);
  } finally {
    timer?.cancel();
  }
}

function isPromise<T>(value: Promise<T> | T): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
