import { open, stat } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';

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
  readonly #decoder = new StringDecoder('utf8');
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
    const { data } = await this.#bytes(Math.max(from, (await this.length()) - 65_536));
    return data.toString('utf8');
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
    const { data, end } = await this.#bytes(this.#followed);
    this.#followed = end;
    const lines = (this.#rest + this.#decoder.write(data)).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#listener(line);
  }

  async #bytes(from: number): Promise<{ data: Buffer; end: number }> {
    const size = await this.length();
    if (size <= from) return { data: Buffer.alloc(0), end: from };
    const file = await open(this.path, 'r');
    try {
      const buffer = Buffer.alloc(size - from);
      const { bytesRead } = await file.read({ buffer, position: from });
      return { data: buffer.subarray(0, bytesRead), end: from + bytesRead };
    } finally {
      await file.close();
    }
  }
}
