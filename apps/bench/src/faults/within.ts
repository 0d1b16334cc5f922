/** What a promise comes to within a time, else `otherwise`. Leaves no timer behind, as a race with a sleep would. */
export async function within<T, U = undefined>(
  ms: number,
  promise: Promise<T>,
  otherwise?: U,
): Promise<T | U> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<U>((resolve) => {
    timer = setTimeout(() => resolve(otherwise as U), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
