/** Adds up what was spent within a sliding window of time. */
export class StallBudget {
  readonly #windowMs: number;
  #spent: { readonly at: number; readonly ms: number }[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  spend(now: number, ms: number): void {
    this.#spent.push({ at: now, ms });
  }

  spent(now: number): number {
    this.#spent = this.#spent.filter(({ at }) => now - at < this.#windowMs);
    return this.#spent.reduce((total, { ms }) => total + ms, 0);
  }
}
