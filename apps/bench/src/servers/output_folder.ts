import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { EnvironmentError } from '../cli/errors.ts';

/** Makes the folder, and sees that files can be written there: better now than after minutes of measuring. */
export async function prepareOutputFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new EnvironmentError(
      `Cannot write to the folder ${folder} (${code ?? message}): choose another with --out`,
      {
        cause,
      },
    );
  }
}
