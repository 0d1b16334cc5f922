/**
 * A relay before a server that changes one answer, byte by byte as the test says. The fault proxy changes bytes at random: good for
 * a long run, too little for "exactly this field".
 *
 * @module
 */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class GarblingRelay implements AsyncDisposable {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #base: string;
  #garble: ((answer: Buffer) => void) | undefined;

  private constructor(base: string) {
    const { hostname, port } = new URL(base);
    this.#base = base;
    this.#target = { host: hostname, port: Number(port) };
    this.#server = createServer((client) => this.#relay(client));
  }

  static async start(base: string): Promise<GarblingRelay> {
    const relay = new GarblingRelay(base);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  /** The same server, through the relay. */
  get url(): string {
    const url = new URL(this.#base);
    url.hostname = '127.0.0.1';
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** The next piece of data from the server, on whatever connection, is passed through `garble` first. */
  garbleNext(garble: (answer: Buffer) => void): void {
    this.#garble = garble;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #relay(client: Socket): void {
    const server = connect(this.#target);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (data) => void server.write(data));
    server.on('data', (data) => {
      this.#garble?.(data);
      this.#garble = undefined;
      client.write(data);
    });
  }
}
