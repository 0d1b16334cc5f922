/**
 * A TCP proxy that misbehaves on demand: between a client and a real server, in this process.
 *
 * | mode | open connections | new connections |
 * |---|---|---|
 * | `pass` | data flows | as usual |
 * | `refuse` | as they were | ECONNREFUSED: nobody listens |
 * | `accept-silent` | as `blackhole` | accepted; nobody answers |
 * | `blackhole` | nothing moves, neither data nor FIN nor RST | as `accept-silent` (TCP's handshake is the kernel's) |
 * | `blackhole-to-server` | what the client sends does not arrive | the server accepts and hears nothing |
 * | `blackhole-to-client` | what the server sends does not arrive | the server hears the client |
 * | `half-open` | the server sees the end, the client does not | accepted, no server behind |
 * | `reset` | RST to both sides | accepted, then RST |
 * | `delay` | data is under way for `delayMs` ± `jitterMs` each way, any amount of it | same |
 * | `throttle` | `bytesPerSecond` each way | same |
 * | `corrupt` | one byte in about `corruptEvery` is changed | same |
 * | `fin-mid-message` | the next answer lacks its last byte, then FIN | the first answer does |
 *
 * What a blackhole held back arrives when it ends, as TCP sends again what was lost. A `half-open` connection stays
 * lost: once another mode is set for it, it is reset as soon as the client says something, as a host does that was
 * started anew. Where the server itself refuses, the client sees an RST after its connect.
 *
 * @module
 */
import { createServer, type Server } from 'node:net';
import { type FaultMode, type FaultOptions, type FaultPlan, faultPlan } from './_fault_plan.ts';
import { freePort } from './_free_port.ts';
import { ProxiedConnection } from './_proxied_connection.ts';

export type { FaultDirection, FaultMode, FaultOptions } from './_fault_plan.ts';

/** A proxy that runs. */
export interface FaultProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** The same URL, through the proxy. */
  url(base: string): string;
  /** Connections open now, as the proxy sees it: a client's end is not noticed while its data is held back. */
  readonly connections: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Bytes handed to the server so far. */
  readonly bytesToServer: number;
  /** Bytes handed to clients so far. */
  readonly bytesToClient: number;
  /** Bytes changed so far. */
  readonly corruptedBytes: number;
  /**
   * Changes the mode, for connections that are open and for those to come unless the options say otherwise.
   * @throws {RangeError} for a number that means nothing; {@link TypeError} for an unknown mode
   */
  set(mode: FaultMode, options?: FaultOptions): void;
  /** Ends every open connection on both sides, whatever the mode. */
  cutAll(how: 'fin' | 'reset'): void;
  /** Ends everything. Returns when no socket and no timer is left. Harmless the second time. */
  close(): Promise<void>;
}

/**
 * Starts a proxy before a server, on the loopback interface, in mode `pass`.
 *
 * @example
 * ```ts
 * import { startFaultProxy } from '@fynlo/services/fault-proxy';
 *
 * const proxy = await startFaultProxy({ host: '127.0.0.1', port: 5432 });
 * console.log(proxy.url('postgres://me@127.0.0.1:5432/mine'));
 * proxy.set('blackhole', { fresh: false }); // the network loses what is open; new connections work
 * await proxy.close();
 * ```
 */
export async function startFaultProxy(
  target: { host: string; port: number },
  place: FaultProxyPlace = {},
): Promise<FaultProxy> {
  for (let attempt = 1; ; attempt++) {
    const port = place.port ?? (await freePort());
    const proxy = new TcpFaultProxy(target, place.host ?? '127.0.0.1', port);
    try {
      await proxy.open();
      return proxy;
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!taken || attempt === 5 || place.port !== undefined) throw error;
    }
  }
}

/** Where a proxy listens: several on one port, each at an address of its own, stand for the addresses of one name. */
export interface FaultProxyPlace {
  /** A loopback address; Linux has all of 127.0.0.0/8. @default '127.0.0.1' */
  readonly host?: string;
  /** @default a free one */
  readonly port?: number;
}

interface Counts {
  bytesToServer: number;
  bytesToClient: number;
  corruptedBytes: number;
}

class TcpFaultProxy implements FaultProxy {
  readonly host: string;
  readonly port: number;
  accepted = 0;

  readonly #target: { host: string; port: number };
  readonly #connections = new Set<ProxiedConnection>();
  /** Of connections that are gone. */
  readonly #past: Counts = { bytesToServer: 0, bytesToClient: 0, corruptedBytes: 0 };
  #fresh: FaultPlan = faultPlan('pass');
  #listener: Server | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  constructor(target: { host: string; port: number }, host: string, port: number) {
    this.#target = target;
    this.host = host;
    this.port = port;
  }

  async open(): Promise<void> {
    const listener = this.#listen();
    await new Promise<void>((resolve, reject) => {
      listener.once('listening', resolve);
      listener.once('error', reject);
    });
    // Later the port is ours to take back; whoever took it meanwhile will not keep it.
    listener.on('error', () => undefined);
  }

  get connections(): number {
    return this.#connections.size;
  }

  get bytesToServer(): number {
    return this.#sum('bytesToServer', (c) => c.toServer.bytes);
  }

  get bytesToClient(): number {
    return this.#sum('bytesToClient', (c) => c.toClient?.bytes ?? 0);
  }

  get corruptedBytes(): number {
    return this.#sum('corruptedBytes', corruptedBytes);
  }

  url(base: string): string {
    const url = new URL(base);
    url.hostname = this.host;
    url.port = String(this.port);
    return url.href;
  }

  set(mode: FaultMode, options: FaultOptions = {}): void {
    const plan = faultPlan(mode, options);
    if (options.fresh !== false) {
      this.#fresh = plan;
      if (mode === 'refuse') this.#unlisten();
      else if (this.#listener === undefined) this.#relisten();
    }
    if (options.existing !== false && mode !== 'refuse') {
      for (const connection of [...this.#connections]) connection.apply(plan);
    }
  }

  cutAll(how: 'fin' | 'reset'): void {
    for (const connection of [...this.#connections]) connection.cut(how);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#unlisten();
    for (const connection of [...this.#connections]) connection.destroy();
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
  }

  #listen(): Server {
    const listener = createServer({ allowHalfOpen: true }, (socket) => {
      this.accepted++;
      const number = this.accepted;
      const connection = new ProxiedConnection(socket, this.#target, this.#fresh, number, () => {
        if (!this.#connections.delete(connection)) return;
        this.#past.bytesToServer += connection.toServer.bytes;
        this.#past.bytesToClient += connection.toClient?.bytes ?? 0;
        this.#past.corruptedBytes += corruptedBytes(connection);
        if (this.#connections.size === 0) this.#drained?.();
      });
      this.#connections.add(connection);
    });
    // In a cluster's worker the primary would listen for us, and go on after we have stopped.
    listener.listen({ host: this.host, port: this.port, exclusive: true });
    this.#listener = listener;
    return listener;
  }

  /** Nobody listens from here on: closing a listener frees the port at once. */
  #unlisten(): void {
    clearTimeout(this.#retry);
    this.#listener?.close();
    this.#listener = undefined;
  }

  /** In effect before any connect that this process starts after it. */
  #relisten(): void {
    if (this.#closing !== undefined) return;
    const listener = this.#listen();
    listener.on('error', () => {
      if (this.#listener !== listener) return;
      this.#retry = setTimeout(() => this.#relisten(), 20);
    });
  }

  #sum(past: keyof Counts, of: (connection: ProxiedConnection) => number): number {
    let sum = this.#past[past];
    for (const connection of this.#connections) sum += of(connection);
    return sum;
  }
}

function corruptedBytes({ toServer, toClient }: ProxiedConnection): number {
  return toServer.corrupted + (toClient?.corrupted ?? 0);
}
