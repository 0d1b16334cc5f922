/** Plain TCP ends for the proxy's tests: a server that keeps its sockets, and a client that notes what happens to it. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What one end has heard. */
export class Peer {
  readonly socket: Socket;
  /** How the other side ended, where it did: FIN, or the code of the error. */
  ending: string | undefined;
  /** Bytes received. */
  length = 0;
  #chunks: Buffer[] = [];
  readonly #changed = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (data) => {
      this.#chunks.push(data);
      this.length += data.length;
      this.#notify();
    });
    socket.on('end', () => this.#end('FIN'));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message));
  }

  get received(): Buffer {
    this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  /** Forgets what was received so far. */
  clear(): void {
    this.#chunks = [];
    this.length = 0;
  }

  get text(): string {
    return this.received.toString('latin1');
  }

  /** Waits until something holds; the test's own timeout is the limit. */
  async until(holds: (peer: this) => boolean): Promise<void> {
    while (!holds(this)) {
      await new Promise<void>((resolve) => {
        this.#changed.add(resolve);
      });
    }
  }

  #end(how: string): void {
    this.ending ??= how;
    this.#notify();
  }

  #notify(): void {
    const waiting = [...this.#changed];
    this.#changed.clear();
    for (const resolve of waiting) resolve();
  }
}

/** A server that answers each chunk by `answer`, and remembers its connections. */
export class PeerServer {
  readonly connections: Peer[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(answer: (data: Buffer) => Buffer | string | undefined): Promise<PeerServer> {
    const server = createServer({ noDelay: true, allowHalfOpen: false });
    const started = new PeerServer(server);
    server.on('connection', (socket) => {
      started.connections.push(new Peer(socket));
      socket.on('data', (data) => {
        const reply = answer(data);
        if (reply !== undefined) socket.write(reply);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return started;
  }

  get target(): { host: string; port: number } {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return { host: '127.0.0.1', port: address.port };
  }

  /** The n-th connection, waited for. */
  async connection(n: number): Promise<Peer> {
    while (this.connections[n] === undefined) await once(this.#server, 'connection');
    return this.connections[n];
  }

  async close(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Connects; rejects as the socket does. */
export async function dial(to: { host: string; port: number }): Promise<Peer> {
  const socket = connect({ ...to, noDelay: true });
  const peer = new Peer(socket);
  await once(socket, 'connect');
  return peer;
}

/** Time for something to happen that must not happen. */
export function quietTime(ms: number = 60): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
