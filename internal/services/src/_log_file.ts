import { open, stat } from 'node:fs/promises';

/** How often the file is looked at while somebody waits for a line. */
const POLL_MS = 15;

/**
 * What a server writes. It is a file and not a pipe because a full pipe stops the server: a Node process that is busy
 * for a second would then measure its own pause as the database's.
 */
export class LogFile {
  readonly path: string;
  #followed = 0;
  #rest = '';
  #follower: NodeJS.Timeout | undefined;
  #listener: ((line: string) => void) | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
  }

  /** How long it is; what is written from here on is what happens from now on. */
  async length(): Promise<number> {
    return stat(this.path).then(
      ({ size }) => size,
      () => 0,
    );
  }

  /** What was written after `from`; the last 64 KiB of it. */
  async read(from: number): Promise<string> {
    const size = await this.length();
    const begin = Math.max(from, size - 65_536);
    if (size <= begin) return '';
    const file = await open(this.path, 'r');
    try {
      const { buffer, bytesRead } = await file.read({
        buffer: Buffer.alloc(size - begin),
        position: begin,
      });
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  }

  /** The last lines, for a message. */
  async tail(from: number): Promise<string> {
    return (await this.read(from)).trimEnd().split('\n').slice(-30).join('\n');
  }

  /** Whether `text` appears after `from` before `over` settles or the time is up. */
  async waitFor(
    text: string,
    from: number,
    timeoutMs: number,
    over: Promise<unknown>,
  ): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    let ended = false;
    void over.then(() => {
      ended = true;
    });
    for (;;) {
      const last = ended || performance.now() > deadline;
      if ((await this.read(from)).includes(text)) return true;
      if (last) return false;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Hands every line to `listener`, soon after it is written. Does not keep the process alive. */
  follow(listener: (line: string) => void): void {
    this.#listener = listener;
    this.#follower = setInterval(() => {
      this.#reading = this.#reading.then(() => this.#forward());
    }, 100);
    this.#follower.unref();
  }

  /** Hands over what is left and stops following. */
  async close(): Promise<void> {
    clearInterval(this.#follower);
    this.#reading = this.#reading.then(() => this.#forward());
    await this.#reading;
    this.#listener = undefined;
  }

  async #forward(): Promise<void> {
    if (this.#listener === undefined) return;
    const text = await this.read(this.#followed).catch(() => '');
    this.#followed = await this.length();
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#listener(line);
  }
}
