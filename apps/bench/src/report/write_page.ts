import { writeFile } from 'node:fs/promises';
import { UsageError } from '../cli/errors.ts';

/** @throws UsageError when the file that was asked for cannot be written */
export async function writePage(path: string, page: string): Promise<void> {
  await writeFile(path, page).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(`Cannot write ${path}: ${cause.code ?? cause.message}`, { cause });
  });
}
