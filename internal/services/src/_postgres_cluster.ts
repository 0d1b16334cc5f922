import { createHash, randomBytes } from 'node:crypto';
import { chmod, chown, copyFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Account } from './_account.ts';
import { cacheFolder } from './_cache_folder.ts';
import type { Keeper } from './_keeper.ts';
import { exists } from './_paths.ts';
import type { PostgresBinaries, ProvenBinaries } from './_postgres_binaries.ts';

/** What all are made with. */
const INITDB = ['-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'];

/**
 * Gives the server its data, by `initdb`, which takes most of a second of CPU. Where nobody is asked for a password the
 * next server gets a copy of them instead: tests start a hundred. (With one, servers would share it.)
 *
 * @returns the password of its superuser; empty for `trust`
 */
export async function createCluster(
  keeper: Keeper,
  binaries: ProvenBinaries,
  account: Account,
  auth: string,
): Promise<string> {
  const password = auth === 'trust' ? '' : randomBytes(12).toString('hex');
  const kept = password === '' ? await placeFor(binaries) : undefined;
  if (kept !== undefined && (await unpack(keeper, account, kept))) return password;
  await initialize(keeper, binaries, account, auth, password);
  if (kept !== undefined) await keep(keeper, kept);
  return password;
}

/** By version, as a server takes only the data of its own, and by how they are made. Undefined where nothing can be kept. */
async function placeFor(binaries: ProvenBinaries): Promise<string | undefined> {
  try {
    const version = binaries.version.replaceAll(/[^\w.]+/g, '-');
    const made = createHash('sha256').update(INITDB.join(' ')).digest('hex').slice(0, 8);
    return join(await cacheFolder(), `cluster-${version}-${made}.tar`);
  } catch {
    return undefined;
  }
}

/** @returns false where there is none of this kind yet, or none that can be read and unpacked */
async function unpack(keeper: Keeper, account: Account, kept: string): Promise<boolean> {
  if (!(await exists(kept))) return false;
  const archive = join(keeper.folder, 'cluster.tar');
  try {
    await copyFile(kept, archive);
    await own(archive, account);
    // By the keeper: what is in its folder has to be its own from the first moment on, to be removed whenever we end.
    await keeper.complete({ command: ['tar', '-xf', archive, '-C', keeper.folder] });
    return true;
  } catch {
    await rm(join(keeper.folder, 'data'), { recursive: true, force: true });
    return false;
  } finally {
    await rm(archive, { force: true });
  }
}

/** Beside its place first, as other processes do the same, or come for it. */
async function keep(keeper: Keeper, kept: string): Promise<void> {
  const archive = join(keeper.folder, 'cluster.tar');
  const staging = `${kept}.${randomBytes(4).toString('hex')}`;
  try {
    await keeper.complete({ command: ['tar', '-cf', archive, '-C', keeper.folder, 'data'] });
    await copyFile(archive, staging);
    await chmod(staging, 0o644);
    await rename(staging, kept);
  } catch {
    // No room, say: the next server makes its own.
  } finally {
    for (const path of [archive, staging]) await rm(path, { force: true });
  }
}

async function initialize(
  keeper: Keeper,
  binaries: PostgresBinaries,
  account: Account,
  auth: string,
  password: string,
): Promise<void> {
  // initdb refuses an empty password even where none is asked for.
  const file = keeper.writeFile('password', `${password || 'unused'}\n`);
  await own(file, account);
  await keeper.complete({
    command: [
      join(binaries.bin, 'initdb'),
      ...['-D', join(keeper.folder, 'data')],
      ...[`--pwfile=${file}`, '-A', auth],
      ...INITDB,
    ],
    env: { ...binaries.env, LC_ALL: 'C', TZ: 'UTC' },
  });
}

async function own(path: string, { uid, gid }: Account): Promise<void> {
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid);
}
