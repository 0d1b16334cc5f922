/**
 * A way to a server on which packets are really lost: TCP's own retransmissions, over the loopback of a network namespace of its own.
 * The pool speaks to its near end through a Unix socket, so that it stays in this process; the far end reaches the server through
 * the server's. Needs Linux, root, `unshare`, `ip` and `tc`, and a kernel with the filter `bpf`.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Classic BPF: drop (2) where a random 32 bit number is below the share, else go on (0). The module netem is often missing. */
function dropFilter(share: number): string {
  const kept = Math.round(share * 2 ** 32);
  return `4,32 0 0 4294963256,53 1 0 ${kept},6 0 0 2,6 0 0 0`;
}

function inNamespace(share: number, command: string): [string, string[]] {
  const filter = `tc qdisc add dev lo clsact && tc filter add dev lo ingress bpf direct-action bytecode '${dropFilter(share)}'`;
  return ['unshare', ['--net', 'sh', '-c', `ip link set lo up && ${filter} && ${command}`]];
}

/** Undefined where packets can be dropped here; else why not. */
export function noLossBecause(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  const { status, stderr } = spawnSync(...inNamespace(0.2, 'true'), { encoding: 'utf8' });
  return status === 0 ? undefined : stderr?.trim() || 'unshare is missing';
}

/** Near end -> lossy TCP -> far end -> the server's Unix socket. Ends with its parent, whose pipe it reads. */
const RELAY = `
const { connect, createServer } = require('node:net');
const [near, server] = process.argv.slice(1);
const join = (a, b) => {
  for (const [from, to] of [[a, b], [b, a]]) {
    from.on('error', () => {}).on('close', () => to.destroy());
    from.setNoDelay?.(true);
    from.pipe(to);
  }
};
const far = createServer((socket) => join(socket, connect(server))).listen(0, '127.0.0.1', () => {
  const { port } = far.address();
  createServer((socket) => join(socket, connect(port, '127.0.0.1'))).listen(near, () => process.stdout.write('up'));
});
process.stdin.on('end', () => process.exit()).resume();
`;

export class LossyLink implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;
  /** The port that names the socket, as libpq does. */
  readonly #port: number;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.#port = port;
  }

  /**
   * @param share of the packets that are lost each way, 0..1
   * @param server where its Unix socket is
   */
  static async open(
    share: number,
    server: { readonly socketDir: string; readonly port: number },
  ): Promise<LossyLink> {
    const folder = await mkdtemp(join(tmpdir(), 'lossy-'));
    const near = join(folder, `.s.PGSQL.${server.port}`);
    const far = join(server.socketDir, `.s.PGSQL.${server.port}`);
    const [command, args] = inNamespace(share, 'exec "$0" -e "$1" "$2" "$3"');
    const child = spawn(command, [...args, process.execPath, RELAY, near, far], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`the lossy link ended with ${code}`)));
    });
    return new LossyLink(child, folder, server.port);
  }

  /** What a pool needs to go through it. */
  get options(): { readonly host: string; readonly port: number } {
    return { host: this.#folder, port: this.#port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    await exited;
    await rm(this.#folder, { recursive: true, force: true });
  }
}
