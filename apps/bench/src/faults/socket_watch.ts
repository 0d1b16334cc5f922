import { Socket } from 'node:net';

/** One connect that this process began. */
export interface WatchedSocket {
  readonly port: number;
  readonly begunAt: number;
  /** Infinity while it is open. */
  closedAt: number;
}

/**
 * Sees every TCP connect of this process, whichever library begins it: a refused connect leaves no trace at the other
 * end, and only some libraries tell. Node's own channel (`net.client.socket`) knows only sockets of `net.connect()`.
 */
export class SocketWatch {
  readonly sockets: WatchedSocket[] = [];

  constructor() {
    const watch = this;
    const connect = Socket.prototype.connect;
    Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
      const port = portOf(args);
      if (port !== undefined) {
        const seen = { port, begunAt: performance.now(), closedAt: Number.POSITIVE_INFINITY };
        watch.sockets.push(seen);
        this.once('close', () => {
          seen.closedAt = performance.now();
        });
      }
      return Reflect.apply(connect, this, args);
    } as typeof connect;
  }

  /** Connects to a port begun since `from`, and connections to it that were closed since. */
  moves(port: number, from: number): { begun: number; closed: number } {
    const ended = ({ port: its, closedAt }: WatchedSocket): boolean =>
      its === port && closedAt >= from && closedAt < Number.POSITIVE_INFINITY;
    return { begun: this.attempts(port, from), closed: this.sockets.filter(ended).length };
  }

  /** Connects to a port begun in `[from, to)`. */
  attempts(port: number, from = 0, to: number = Number.POSITIVE_INFINITY): number {
    return this.sockets.filter(
      (one) => one.port === port && one.begunAt >= from && one.begunAt < to,
    ).length;
  }
}

/** `connect(port)`, `connect({ port })`, or the array that node makes of either. */
function portOf(args: readonly unknown[]): number | undefined {
  const [first] = args;
  const target: unknown = Array.isArray(first) ? first[0] : first;
  const port =
    typeof target === 'object' && target !== null ? (target as { port?: unknown }).port : target;
  const number = Number(port);
  return Number.isInteger(number) && number > 0 ? number : undefined;
}
