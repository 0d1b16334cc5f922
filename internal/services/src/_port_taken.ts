import type { Keeper, Order } from './_keeper.ts';
import { messageOf } from './errors.ts';

/** Between our look at a port and the server's own bind, somebody else may have taken it. */
export function isPortTaken(error: unknown): boolean {
  return messageOf(error).includes('Address already in use');
}

/** Starts a server again on a port that its clients know, so that no other will do: who holds it is waited for. */
export async function startAgain(
  keeper: Keeper,
  order: Order,
  readyLine: string,
  timeoutMs: number,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await keeper.start(order, readyLine, timeoutMs);
      return;
    } catch (error) {
      if (!isPortTaken(error) || attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
