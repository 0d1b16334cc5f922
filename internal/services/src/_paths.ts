import { constants } from 'node:fs';
import { access, lstat, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

export function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** The first of these programs that PATH leads to. */
export async function onPath(...names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
      if (folder === '') continue;
      const path = join(folder, name);
      const runs = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (runs) return path;
    }
  }
  return undefined;
}

/** Whether an account without any right of its own can walk down to this path. Root's home is closed, for one. */
export async function reachableByOthers(path: string): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    const { mode } = await stat(folder);
    if ((mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/**
 * Where servers' own folders go: the system's folder for temporary files, or /tmp where that one is too deep for a
 * Unix socket (its path has to stay below 104 bytes on macOS, 108 on Linux) or closed to the server's account.
 */
export async function temporaryRoot(forAnotherAccount: boolean): Promise<string> {
  const preferred = tmpdir();
  if (preferred.length > 50) return '/tmp';
  if (!forAnotherAccount) return preferred;
  const { mode } = await stat(preferred);
  const writable = (mode & 0o003) === 0o003 && (await reachableByOthers(preferred));
  return writable ? preferred : '/tmp';
}
