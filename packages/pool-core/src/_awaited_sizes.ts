/**
 * Promises of a size: who started or warmed the pool hears when it is open.
 *
 * @module
 */

interface Awaited {
  readonly size: number;
  readonly resolve: () => void;
}

/** Keeps them until the size is reached, or opening has failed. */
export class AwaitedSizes {
  #awaited: Awaited[] = [];

  wait(size: number): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited.push({ size, resolve });
    });
  }

  /** @param giveUp who waits now has waited for what did not come. */
  settle(open: number, giveUp: boolean): void {
    const awaited = this.#awaited;
    if (awaited.length === 0) return;
    this.#awaited = awaited.filter(({ size }) => !giveUp && open < size);
    for (const { size, resolve } of awaited) if (giveUp || open >= size) resolve();
  }
}
