/**
 * What an application's listener or callback throws within the engine is the application's uncaught exception, and not the
 * pool's undoing: whoever waits for a client gets one all the same.
 */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
