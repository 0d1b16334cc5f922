/** Listeners by event name, isolated: one that throws stops neither the optimizer nor the listeners after it. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  /** Calls `listener` at every `name`; the returned function ends that. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(name, listeners);
    }
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        (listener as (event: Events[Name]) => void)(event);
      } catch (error) {
        // Told, not thrown: the emitter runs inside a background worker, where a throw would end the process.
        process.emitWarning(
          `A "${String(name)}" listener threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
          'ResourceOptimizerWarning',
        );
      }
    }
  }
}
