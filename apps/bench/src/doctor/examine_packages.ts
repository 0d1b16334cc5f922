import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { advice, type Finding, ok, problem, unknown } from './finding.ts';

/** Packages of which two copies in one process are two different things to `instanceof`, types and instrumentation. */
const SINGLETONS = ['pg', 'pg-pool', 'ioredis'];

/** How many copies of each there are below a folder's node_modules, links followed once. */
export async function examinePackages(folder: string): Promise<Finding[]> {
  const copies = await findCopies(join(folder, 'node_modules'), SINGLETONS);
  return SINGLETONS.flatMap((name) => {
    const found = [...(copies.get(name) ?? new Map<string, string>())];
    if (found.length === 0) {
      return name === 'pg'
        ? [
            unknown(
              `No pg below ${join(folder, 'node_modules')}`,
              'run doctor in the folder of the service',
            ),
          ]
        : [];
    }
    const versions = found.map(([, version]) => version);
    if (found.length === 1) return [ok(`One copy of ${name} (${versions[0]})`)];
    const distinct = [...new Set(versions)].join(', ');
    return [
      name === 'pg'
        ? problem(
            `${found.length} copies of pg (${distinct}): a Pool of one is not \`instanceof pg.Pool\` of the other`,
            `make them one version (npm dedupe; "overrides" in package.json). They are at ${found.map(([path]) => path).join(' and ')}`,
          )
        : advice(
            `${found.length} copies of ${name} (${distinct})`,
            'make them one version: instrumentation patches only one of them',
          ),
    ];
  });
}

async function findCopies(
  root: string,
  names: readonly string[],
): Promise<Map<string, Map<string, string>>> {
  const copies = new Map<string, Map<string, string>>();
  const seen = new Set<string>();

  async function visit(modules: string): Promise<void> {
    const real = await realpath(modules).catch(() => undefined);
    if (real === undefined || seen.has(real)) return;
    seen.add(real);
    for (const entry of await readdir(real)) {
      const path = join(real, entry);
      if (entry === '.pnpm') {
        for (const stored of await readdir(path)) await visit(join(path, stored, 'node_modules'));
      } else if (entry.startsWith('@')) {
        for (const scoped of await readdir(path)) await visit(join(path, scoped, 'node_modules'));
      } else if (!entry.startsWith('.')) {
        if (names.includes(entry)) await note(entry, path);
        await visit(join(path, 'node_modules'));
      }
    }
  }

  async function note(name: string, path: string): Promise<void> {
    const real = await realpath(path);
    const text = await readFile(join(real, 'package.json'), 'utf8').catch(() => undefined);
    if (text === undefined) return;
    const { version } = JSON.parse(text) as { version: string };
    const known = copies.get(name) ?? new Map<string, string>();
    copies.set(name, known.set(real, version));
  }

  await visit(root);
  return copies;
}
