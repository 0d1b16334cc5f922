import { connect, type Socket } from 'node:net';
import type { FaultPlan } from './_fault_plan.ts';
import { Flow } from './_flow.ts';
import { seededRandom } from './_seeded_random.ts';

/** A client's socket, the server's socket where there is one, and the two flows between them. */
export class ProxiedConnection {
  readonly toServer: Flow;
  /** Absent until the connection is carried on to the server. */
  toClient: Flow | undefined;

  readonly #client: Socket;
  readonly #target: { host: string; port: number };
  readonly #number: number;
  readonly #closed: () => void;
  #server: Socket | undefined;
  #plan: FaultPlan;
  /** The server's side is gone for good: the client was told (`ended`), or knows nothing of it (`unaware`). */
  #orphan: 'ended' | 'unaware' | undefined;
  /** The client has spoken to a server that was gone. */
  #unheard = false;
  /** A side that failed while the news could not travel. */
  #untold: 'client' | 'server' | undefined;

  constructor(
    client: Socket,
    target: { host: string; port: number },
    plan: FaultPlan,
    number: number,
    closed: () => void,
  ) {
    this.#client = client;
    this.#target = target;
    this.#plan = plan;
    this.#number = number;
    this.#closed = closed;
    client.setNoDelay(true);
    client.on('error', (error) => this.#sideFailed(error, () => this.#clientFailed()));
    client.on('close', () => this.#sideClosed());
    client.on('data', () => this.#answerOrphan(true));
    this.toServer = new Flow(client, plan.toServer, this.#random(0), () => undefined);
    this.apply(plan);
  }

  /** From now on, this plan. */
  apply(plan: FaultPlan): void {
    this.#plan = plan;
    if (plan.mode === 'reset') {
      this.cut('reset');
      return;
    }
    if (plan.mode === 'half-open') this.#loseServer();
    else if (plan.connects && this.#server === undefined && !this.#orphan) {
      this.#connect();
    }
    this.toServer.apply(plan.toServer, this.#random(0));
    this.toClient?.apply(plan.toClient, this.#random(1));
    this.#tell();
  }

  /** Ends it on both sides: politely, or as a crash of the host does. */
  cut(how: 'fin' | 'reset'): void {
    this.#orphan = 'ended';
    this.toServer.abandon();
    this.toClient?.abandon();
    if (how === 'reset') {
      reset(this.#server);
      reset(this.#client);
    } else {
      this.#server?.destroy();
      this.#client.end();
      this.#client.resume();
    }
  }

  /** Frees the sockets. */
  destroy(): void {
    this.toServer.abandon();
    this.toClient?.abandon();
    this.#server?.destroy();
    this.#client.destroy();
  }

  #connect(): void {
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    this.#server = server;
    server.on('error', (error) => this.#sideFailed(error, () => this.#serverFailed()));
    server.on('close', () => this.#sideClosed());
    this.toClient = new Flow(server, this.#plan.toClient, this.#random(1), () => {
      // The answer was cut short: whatever the client says next is said to nobody.
      this.#orphan = 'ended';
      this.toServer.abandon();
      server.destroy();
    });
    this.toClient.attach(this.#client);
    this.toServer.attach(server);
  }

  #random(direction: 0 | 1): () => number {
    return seededRandom(this.#plan.seed * 7_919 + this.#number * 2 + direction);
  }

  #loseServer(): void {
    if (this.#orphan) return;
    this.#orphan = 'unaware';
    this.toServer.abandon();
    this.toClient?.abandon();
    this.#server?.destroy();
  }

  /** Once the host is back, it knows nothing of this connection: it answers data, sent again or new, with RST. */
  #answerOrphan(spoken: boolean): void {
    if (this.#orphan !== 'unaware') return;
    this.#unheard ||= spoken;
    if (this.#unheard && this.#plan.mode !== 'half-open') reset(this.#client);
  }

  /**
   * Where the peer was faster, resetting a socket fails ("ENOTCONN" of syscall reset), and node then emits an error but never
   * 'close': it is closed all the same, in the next turn.
   */
  #sideFailed(error: NodeJS.ErrnoException, failed: () => void): void {
    if (error.syscall === 'reset') setImmediate(() => this.#sideClosed());
    else failed();
  }

  #clientFailed(): void {
    if (this.#plan.toServer.hold) this.#untold = 'client';
    else reset(this.#server);
  }

  #serverFailed(): void {
    if (this.#orphan) return;
    if (this.#plan.toClient.hold) this.#untold = 'server';
    else reset(this.#client);
  }

  #tell(): void {
    if (!this.#plan.toClient.hold) this.#answerOrphan(false);
    if (this.#untold === 'client') this.#clientFailed();
    if (this.#untold === 'server') this.#serverFailed();
  }

  #sideClosed(): void {
    if (this.#client.closed && (this.#server === undefined || this.#server.closed)) {
      this.destroy();
      this.#closed();
    }
  }
}

/**
 * RST; a socket that is not connected yet is just let go, and so is one whose FIN is about to be sent: to reset that fails, and node
 * then never closes it.
 */
function reset(socket: Socket | undefined): void {
  if (socket === undefined) return;
  const ending = socket.writableEnded && !socket.writableFinished;
  if (!socket.connecting && !ending) socket.resetAndDestroy();
  // On its own, the call above waits until everything written before is sent.
  socket.destroy();
}
