/**
 * A port whose SYN packets the kernel drops, as a host does that is gone: its queue of connections is full and nobody accepts any,
 * as the process that owns it stands still. Needs Linux.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';

/** Once it runs again, it passes connections on to the server. Ends with its parent, whose pipe it reads. */
const RELAY = `
const { connect, createServer } = require('node:net');
const [host, port, target] = process.argv.slice(1);
createServer((client) => {
  const server = connect(Number(target), '127.0.0.1');
  for (const [from, to] of [[client, server], [server, client]]) {
    from.on('error', () => {}).on('close', () => to.destroy());
    from.pipe(to);
  }
}).listen({ host, port: Number(port), backlog: 1 }, function () { process.stdout.write(String(this.address().port)); });
process.stdin.on('end', () => process.exit()).resume();
`;

export class DeafListener implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #filling: Socket[] = [];

  private constructor(host: string, port: number, child: ChildProcess) {
    this.host = host;
    this.port = port;
    this.#child = child;
  }

  /** @param place port 0: a free one */
  static async open(
    target: number,
    place: { readonly host: string; readonly port: number },
  ): Promise<DeafListener> {
    const { host, port } = place;
    const args = ['-e', RELAY, host, String(port), String(target)];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const chosen = await new Promise<number>((resolve, reject) => {
      child.stdout?.once('data', (data) => resolve(Number(data)));
      child.once('exit', (code) => reject(new Error(`the listener ended with ${code}`)));
    });
    const listener = new DeafListener(host, chosen, child);
    await listener.#deafen();
    return listener;
  }

  /** Fills the queue until one more is not taken any more. */
  async #deafen(): Promise<void> {
    this.#child.kill('SIGSTOP');
    for (;;) {
      const socket = connect(this.port, this.host).on('error', () => undefined);
      this.#filling.push(socket);
      const taken = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => resolve(true));
        setTimeout(() => resolve(false), 200);
      });
      if (!taken) return;
      if (this.#filling.length > 16) throw new Error('this kernel takes whoever comes');
    }
  }

  /** From here on it takes connections, those as well that have waited. */
  heal(): void {
    for (const socket of this.#filling.splice(0)) socket.destroy();
    this.#child.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.heal();
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    await exited;
  }
}
