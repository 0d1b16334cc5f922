/**
 * Listeners by event name, with types.
 *
 * @module
 */
import { channel } from 'node:diagnostics_channel';

/** Calls listeners synchronously; one that throws reaches neither the guard nor the other listeners. */
export class TypedEvents<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(payload: never) => void>>();
  readonly #prefix: string;

  /** @param prefix every event is also published on the diagnostics channel `prefix.event` */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  on<K extends keyof Events & string>(
    event: K,
    listener: (payload: Events[K]) => void,
  ): () => void {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set);
    set.add(listener);
    return () => set.delete(listener);
  }

  emit<K extends keyof Events & string>(event: K, payload: Events[K]): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        (listener as (payload: Events[K]) => void)(payload);
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error), {
          type: 'FynloListenerWarning',
          detail: `A listener of "${event}" threw`,
        });
      }
    }
    channel(`${this.#prefix}.${event}`).publish(payload);
  }

  clear(): void {
    this.#listeners.clear();
  }
}
