import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './_cache_folder.ts';
import { type CommandResult, must, run } from './_command.ts';
import { exists, onPath } from './_paths.ts';

/** A program and what the dynamic linker needs for it. */
export interface PackagedProgram {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A program that Debian and Ubuntu have. */
export interface DebianProgram {
  /** The package to ask for; the tree is called after it. */
  readonly name: string;
  /** The packages that hold the program, `name` among them; its libraries are found out. */
  readonly packages: readonly string[];
  /** Where the program is within them. */
  readonly path: string;
}

/**
 * A program from the distribution's own packages, fetched from the machine's own package sources and unpacked below the
 * clone: no root, nothing installed, no file of the system touched. Some seconds the first time (a list of packages has
 * to be fetched as well, so that no earlier `apt-get update` is needed), nothing later.
 */
export async function programFromPackages(
  program: DebianProgram,
  note: (line: string) => void,
): Promise<PackagedProgram> {
  for (const tool of ['apt-get', 'dpkg-deb']) {
    if ((await onPath(tool)) === undefined) {
      throw new Error(`this is not Debian or Ubuntu (no ${tool})`);
    }
  }
  const system = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const codename = /^VERSION_CODENAME=(\S+)/m.exec(system)?.[1] ?? 'unknown';
  const cache = await cacheFolder();
  const unpacked = join(cache, `${program.name}-${codename}-${process.arch}`);
  if (!(await exists(unpacked))) {
    note(
      `No ${program.name} on PATH: unpacking the package of ${codename} below node_modules (once)`,
    );
    await unpack(program, cache, unpacked);
  }
  return { path: join(unpacked, program.path), env: await libraryPath(unpacked) };
}

async function libraryPath(unpacked: string): Promise<Record<string, string>> {
  const folders: string[] = [];
  for (const lib of [join(unpacked, 'usr', 'lib'), join(unpacked, 'lib')]) {
    for (const entry of await readdir(lib).catch(() => [])) {
      if (entry.includes('-linux-')) folders.push(join(lib, entry));
    }
  }
  const inherited = process.env['LD_LIBRARY_PATH'];
  if (inherited) folders.push(inherited);
  return { LD_LIBRARY_PATH: folders.join(':') };
}

async function unpack(program: DebianProgram, cache: string, target: string): Promise<void> {
  const work = join(cache, `work.${process.pid}.${randomBytes(4).toString('hex')}`);
  const [debs, root] = [join(work, 'debs'), join(work, 'root')];
  try {
    for (const folder of ['lists/partial', 'archives/partial', 'debs', 'root']) {
      await mkdir(join(work, folder), { recursive: true });
    }
    await download(program, work, debs);
    for (const name of await readdir(debs)) {
      await must('dpkg-deb', ['-x', join(debs, name), root]);
    }
    // Two processes may get here at once: the first one's tree stays.
    await rename(root, target).catch(async (error: unknown) => {
      if (!(await exists(target))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
    await removeAbandoned(cache);
  }
}

async function download(
  { name, packages }: DebianProgram,
  work: string,
  debs: string,
): Promise<void> {
  const settings = [
    `Dir::State::Lists=${join(work, 'lists')}`,
    'Dir::State::status=/var/lib/dpkg/status',
    `Dir::Cache=${work}`,
    `Dir::Cache::archives=${join(work, 'archives')}`,
    'Debug::NoLocking=1',
    // The sandbox account could not write to a clone in root's home.
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    'Acquire::Retries=2',
    'Acquire::http::Timeout=15',
    'Acquire::https::Timeout=15',
  ].flatMap((setting) => ['-o', setting]);
  const apt = (...args: string[]): Promise<CommandResult> =>
    run('apt-get', [...settings, '-q', ...args], {
      cwd: debs,
      env: { ...process.env, LC_ALL: 'C' },
      timeoutMs: 180_000,
    });
  // A third-party source that does not answer makes `update` fail; what we need may be there all the same.
  const update = await apt('update');
  // What this very machine lacks: libraries that it has are not listed. An installation would bring more (accounts,
  // scripts and what those need), which a program that is only unpacked can do without.
  const plan = await apt('-s', '--no-install-recommends', 'install', name);
  const libraries = [...plan.output.matchAll(/^Inst (lib\S+)/gm)].map(
    ([, library = '']) => library,
  );
  const wanted = [...libraries, ...packages];
  const { code, output } = await apt('download', ...wanted);
  if (code === 0) return;
  throw new Error(
    `apt-get could not download ${wanted.join(' ')}:\n${update.output}\n${plan.output}\n${output}`,
  );
}

/** Removes what processes left that were killed while unpacking. */
async function removeAbandoned(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const pid = Number(/^work\.(\d+)\./.exec(name)?.[1]);
    if (Number.isNaN(pid)) continue;
    try {
      process.kill(pid, 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') continue;
      await rm(join(cache, name), { recursive: true, force: true });
    }
  }
}
