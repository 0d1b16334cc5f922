import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Account } from './_account.ts';
import { shellWord } from './_command.ts';
import { KEEPER_SCRIPT } from './_keeper_script.ts';
import { LogFile } from './_log_file.ts';
import { type ProcessEntry, processTree, signal, stillRunning } from './_process_tree.ts';
import { ServiceStateError } from './errors.ts';

export interface KeeperOptions {
  /** The folder to make; the keeper removes it at the end. */
  readonly folder: string;
  readonly account: Account;
  /** Ends the server, in an orderly way if it has anything to lose. */
  readonly stopSignal: 'INT' | 'TERM' | 'KILL';
  /** Shell text that runs after the server's end and before the folder goes. */
  readonly farewell?: string;
  readonly log?: ((line: string) => void) | undefined;
}

/** One process that the keeper runs, from `pid` to `exited`. */
interface Life {
  readonly pid: number;
  readonly logFrom: number;
  readonly exited: Promise<number>;
}

/** What is run, and how to tell that it is up. */
export interface Order {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs one server after the other in a folder, and leaves nothing behind. */
export class Keeper {
  readonly folder: string;
  readonly log: LogFile;
  readonly #orders: Writable;
  readonly #ended: Promise<void>;
  readonly #said: string[] = [];
  #hear: (() => void) | undefined;
  #life: Life | undefined;
  #ordering = false;
  #killing = false;
  #frozen: ProcessEntry[] = [];
  #stopping: Promise<void> | undefined;

  private constructor(options: KeeperOptions, child: ChildProcess) {
    this.folder = options.folder;
    this.log = new LogFile(join(options.folder, 'log'));
    this.#orders = child.stdio[3] as Writable;
    // The keeper is gone when it dies of something else; whoever waits for a line hears of it by #ended.
    this.#orders.on('error', () => undefined);
    this.#ended = new Promise((resolve) => child.once('exit', () => resolve()));
    let rest = '';
    (child.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      this.#said.push(...lines);
      this.#hear?.();
    });
    // When the program has nothing else to do it ends, and the server with it.
    child.unref();
    for (const stream of child.stdio) (stream as { unref?(): void } | null)?.unref?.();
    if (options.log !== undefined) this.log.follow(options.log);
  }

  /** Starts the shell and waits until it has made its folder. */
  static async open(options: KeeperOptions): Promise<Keeper> {
    const { folder, account, stopSignal, farewell = ':' } = options;
    const child = spawn('/bin/sh', ['-c', KEEPER_SCRIPT, 'keeper', folder, stopSignal, farewell], {
      ...account,
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    const keeper = new Keeper(options, child);
    const answer = await keeper.#holding(keeper.#nextLine());
    if (answer !== 'ready') throw new Error(`The folder ${folder} could not be made: ${answer}`);
    return keeper;
  }

  /** Whether the server runs (a frozen one does). */
  get running(): boolean {
    return this.#life !== undefined;
  }

  /** Whether {@link stop} was called. */
  get stopped(): boolean {
    return this.#stopping !== undefined;
  }

  /** Makes a file of ours in the folder, readable to the server's account; the folder is closed to all others. */
  writeFile(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    chmodSync(path, 0o644);
    return path;
  }

  /** Runs a command to its end; rejects with what it wrote unless it exits with 0. */
  async complete(order: Order): Promise<void> {
    const life = await this.#begin(order);
    const code = await this.#holding(life.exited);
    if (code !== 0) throw await this.#failure(order, life, `exited with ${code}`);
  }

  /** Starts a server and waits until it says `readyLine`. */
  async start(order: Order, readyLine: string, timeoutMs: number): Promise<void> {
    const life = await this.#begin(order);
    if (await this.log.waitFor(readyLine, life.logFrom, timeoutMs, life.exited)) return;
    throw await this.#failure(
      order,
      life,
      this.running ? `was not ready in ${timeoutMs} ms` : 'ended',
    );
  }

  /** Kills the server's main process as a crash would, and returns when nothing of it runs any more. */
  async kill(): Promise<void> {
    const life = this.#running('kill');
    const tree = this.#frozen.length > 0 ? this.#frozen : processTree(life.pid);
    this.#tellFamily(tree);
    this.#killing = true;
    try {
      signal([{ pid: life.pid }], 'SIGKILL');
      // Children of PostgreSQL notice that they are orphans, unless they are frozen.
      signal(stillRunning(tree.filter(({ pid }) => pid !== life.pid)), 'SIGCONT');
      await this.#holding(life.exited);
      await this.#gone(tree);
    } finally {
      this.#killing = false;
      this.#thawed();
    }
  }

  /** Sends a signal to the server's main process and returns when it has ended. */
  async end(name: NodeJS.Signals): Promise<void> {
    const life = this.#running('shutdown');
    if (this.#frozen.length > 0) this.thaw();
    const tree = processTree(life.pid);
    signal([{ pid: life.pid }], name);
    await this.#holding(life.exited);
    await this.#gone(tree);
  }

  /** Stops every process of the server where it stands: sockets stay open and nobody answers. */
  freeze(): void {
    const { pid } = this.#running('freeze');
    if (this.#frozen.length > 0) return;
    // The parent first, so that no child is born that we do not see. Before any is stopped, the keeper knows whom to wake.
    this.#tellFamily([{ pid }]);
    signal([{ pid }], 'SIGSTOP');
    this.#frozen = processTree(pid);
    this.#tellFamily(this.#frozen);
    signal(this.#frozen, 'SIGSTOP');
  }

  /** Lets a frozen server go on. */
  thaw(): void {
    signal(stillRunning(this.#frozen), 'SIGCONT');
    this.#thawed();
  }

  /** Ends the server in an orderly way and removes its folder. Harmless the second time. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.log.close();
    const tree = this.#life === undefined ? [] : processTree(this.#life.pid);
    this.#orders.destroy();
    await this.#holding(this.#ended);
    // All this is done by now, unless somebody killed the keeper.
    await this.#gone(tree);
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #begin(order: Order): Promise<Life> {
    if (this.stopped) throw new ServiceStateError('start', 'stopped', 'down');
    if (this.#ordering || this.running) throw new ServiceStateError('start', 'running', 'down');
    this.#ordering = true;
    try {
      return await this.#order(order);
    } finally {
      this.#ordering = false;
    }
  }

  async #order(order: Order): Promise<Life> {
    const logFrom = await this.log.length();
    const exports = Object.entries(order.env ?? {}).map(
      ([name, value]) => `export ${name}=${shellWord(value)}; `,
    );
    this.#orders.write(`${exports.join('')}exec ${order.command.map(shellWord).join(' ')}\n`);
    const announced = await this.#holding(this.#nextLine());
    const pid = Number(/^pid (\d+)$/.exec(announced)?.[1]);
    if (Number.isNaN(pid)) throw new Error(`${order.command[0]} was not started: ${announced}`);
    const exited = this.#nextLine().then((line) => {
      const code = /^exited (\d+)$/.exec(line)?.[1];
      // Without the keeper's word the server may still run: stop() sees to it.
      if (code === undefined) return -1;
      this.#life = undefined;
      // Somebody else has killed a frozen server: its children are to notice.
      if (!this.#killing) this.thaw();
      return Number(code);
    });
    this.#life = { pid, logFrom, exited };
    return this.#life;
  }

  /** What the keeper says next. It speaks only when spoken to, so there is one listener at a time. */
  async #nextLine(): Promise<string> {
    for (;;) {
      const line = this.#said.shift();
      if (line !== undefined) return line;
      const heard = new Promise<true>((resolve) => {
        this.#hear = () => resolve(true);
      });
      const ended = this.#ended.then(() => false);
      if (!(await Promise.race([heard, ended]))) return this.#said.shift() ?? 'the keeper is gone';
    }
  }

  async #failure(order: Order, life: Life, what: string): Promise<Error> {
    const tail = await this.log.tail(life.logFrom);
    return new Error(`${order.command[0]} ${what}${tail === '' ? '' : `\n${tail}`}`);
  }

  #running(action: string): Life {
    if (this.#life !== undefined) return this.#life;
    throw new ServiceStateError(action, this.stopped ? 'stopped' : 'down', 'running');
  }

  #thawed(): void {
    this.#frozen = [];
    rmSync(join(this.folder, 'family'), { force: true });
  }

  /** Tells the keeper which processes it has to see to when we are gone. */
  #tellFamily(family: readonly { pid: number }[]): void {
    const path = this.writeFile('family.new', family.map(({ pid }) => pid).join(' '));
    renameSync(path, join(this.folder, 'family'));
  }

  /** Waits for processes to end by themselves, a second at most, and kills what is left. */
  async #gone(tree: readonly ProcessEntry[]): Promise<void> {
    const deadline = performance.now() + 1_000;
    for (;;) {
      const left = stillRunning(tree);
      if (left.length === 0) return;
      if (performance.now() > deadline) signal(left, 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Our handles are unref'ed: while somebody waits for the keeper, a timer keeps the process alive. */
  async #holding<T>(waited: Promise<T>): Promise<T> {
    const hold = setInterval(() => undefined, 60_000);
    try {
      return await waited;
    } finally {
      clearInterval(hold);
    }
  }
}
