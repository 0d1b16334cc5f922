import type { Clock } from './clock.ts';

/** Waits for `promise`, at most `ms`; whether it came. What it rejects with is for its other owners. */
export async function within(
  promise: Promise<unknown>,
  ms: number,
  clock: Clock,
): Promise<boolean> {
  let timer: { cancel(): void } | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = clock.setTimeout(() => resolve(false), ms);
  });
  const settled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, limit]);
  } finally {
    timer?.cancel();
  }
}
