import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Scenario } from '../scenario/scenario.ts';

export const poolCoreSize: Scenario = {
  id: 'S3',
  name: 'pool-core-size',
  group: 'start',
  question:
    'What does installing @fynlo/pool-core bring along, and how large is what an import loads?',
  target: '0 dependencies besides the peer pg, <= 20 kB compressed',
  needs: [],
  params: { callers: 1, connections: 1, warmupMs: 0, durationMs: 0 },
  rounds: 1,
  criteria: [
    { metric: 'dependencies', subject: '@fynlo/pool-core', op: '==', bound: 0 },
    { metric: 'bytes', subject: '@fynlo/pool-core', op: '<=', bound: 20_000 },
  ],
  subjects: [
    {
      name: '@fynlo/pool-core',
      settings: 'the build, all modules that `import` of the root loads, gzip',
      async round() {
        const require = createRequire(import.meta.url);
        const manifestPath = require.resolve('@fynlo/pool-core/package.json');
        const manifest = JSON.parse(await readFile(manifestPath, 'utf8')) as {
          dependencies?: Record<string, string>;
        };
        const files = await modulesFrom(join(dirname(manifestPath), 'dist', 'mod.js'));
        const code = Buffer.concat(await Promise.all(files.map((file) => readFile(file))));
        return {
          metrics: {
            dependencies: Object.keys(manifest.dependencies ?? {}).length,
            bytes: gzipSync(code, { level: 9 }).length,
          },
          details: { modules: files.length },
        };
      },
    },
  ],
};

/** A built module and all it imports by relative path. */
async function modulesFrom(entry: string): Promise<string[]> {
  const found = new Set<string>();
  const visit = async (file: string): Promise<void> => {
    if (found.has(file)) return;
    found.add(file);
    const code = await readFile(file, 'utf8');
    for (const [, path] of code.matchAll(/(?:from|import)\s*["'](\.[^"']+)["']/g)) {
      await visit(join(dirname(file), path ?? ''));
    }
  };
  await visit(entry);
  return [...found];
}
