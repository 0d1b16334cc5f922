/**
 * A NAT device on the way to a server: what is idle for too long it forgets, without a word to either side.
 *
 * @module
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Passes data on until nothing has passed for `idleMs`; from then on the connection is dead for both, and neither is told. */
export class Nat implements AsyncDisposable {
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections forgotten so far. */
  forgotten = 0;

  private constructor(target: { host: string; port: number }, idleMs: number) {
    this.#listener = createServer((client) => {
      const server = connect(target);
      let dead = false;
      const timer = setTimeout(() => {
        dead = true;
        this.forgotten++;
      }, idleMs);
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('data', (data) => {
          if (dead) return;
          timer.refresh();
          to.write(data);
        });
        from.on('error', () => undefined);
        from.on('close', () => {
          clearTimeout(timer);
          this.#sockets.delete(from);
          if (!dead) to.destroy();
        });
      }
    });
  }

  static async before(target: { host: string; port: number }, idleMs: number): Promise<Nat> {
    const nat = new Nat(target, idleMs);
    await new Promise<void>((resolve) => nat.#listener.listen(0, '127.0.0.1', resolve));
    return nat;
  }

  /** The same URL, through the device. */
  url(base: string): string {
    const url = new URL(base);
    url.hostname = '127.0.0.1';
    url.port = String((this.#listener.address() as { port: number }).port);
    return url.href;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#listener.close(resolve));
  }
}
