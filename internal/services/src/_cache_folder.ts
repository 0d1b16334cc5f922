import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exists } from './_paths.ts';

/**
 * Where downloads stay between runs: `FYNLO_SERVICES_CACHE`, else below the clone's own node_modules, so that a
 * machine is as it was before once the clone is removed.
 */
export async function cacheFolder(): Promise<string> {
  const folder =
    process.env['FYNLO_SERVICES_CACHE'] ||
    join(await cloneFolder(), 'node_modules', '.cache', 'fynlo-services');
  await mkdir(folder, { recursive: true });
  return folder;
}

async function cloneFolder(): Promise<string> {
  const own = dirname(dirname(fileURLToPath(import.meta.url)));
  for (let folder = own; folder !== dirname(folder); folder = dirname(folder)) {
    if (await exists(join(folder, 'pnpm-workspace.yaml'))) return folder;
  }
  return own;
}
