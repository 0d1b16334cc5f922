import { LayerCloseError } from './errors.ts';

interface Closer {
  readonly part: string;
  readonly close: () => unknown;
}

/**
 * What was started, to be stopped in the reverse order: each part in bounded time, whatever the others do. (An
 * `AsyncDisposableStack` would wait for ever for a part that hangs, and Node 20 has none.)
 */
export class CloseStack {
  readonly #timeoutMs: number;
  readonly #closers: Closer[] = [];
  #closing: Promise<void> | undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  push(part: string, close: () => unknown): void {
    this.#closers.push({ part, close });
  }

  /** @throws LayerCloseError once all were tried, naming those that failed or took too long */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const failures: Record<string, unknown> = {};
    for (const { part, close } of this.#closers.splice(0).reverse()) {
      try {
        await this.#bounded(close);
      } catch (error) {
        failures[part] = error;
      }
    }
    if (Object.keys(failures).length > 0) throw new LayerCloseError(failures);
  }

  async #bounded(close: () => unknown): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`not closed after ${this.#timeoutMs} ms`)),
        this.#timeoutMs,
      );
    });
    try {
      await Promise.race([(async () => close())(), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
