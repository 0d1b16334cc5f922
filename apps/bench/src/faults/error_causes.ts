/** Whether an error, or one it was caused by, has this code or says this. */
export function tells(error: unknown, what: string): boolean {
  for (let one = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth++) {
    if ('code' in one && one.code === what) return true;
    if (one.message.includes(what)) return true;
    if (one instanceof AggregateError && one.errors.some((inner) => tells(inner, what)))
      return true;
  }
  return false;
}

/** When a call is answered, and how. Does not reject. */
export async function answerOf<T>(
  call: Promise<T>,
): Promise<{ readonly takenMs: number; readonly value?: T; readonly error?: unknown }> {
  const begun = performance.now();
  try {
    const value = await call;
    return { takenMs: performance.now() - begun, value };
  } catch (error) {
    return { takenMs: performance.now() - begun, error };
  }
}
