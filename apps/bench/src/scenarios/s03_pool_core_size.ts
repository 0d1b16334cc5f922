import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild'; // bundles as an application's build would; the size check of the packages uses it as well
import type { Scenario } from '../scenario/scenario.ts';

export const poolCoreSize: Scenario = {
  id: 'S3',
  name: 'pool-core-size',
  group: 'start',
  question:
    'What does installing @fynlo/pool-core bring along, and how large is what an import loads?',
  target:
    '0 dependencies besides the peer pg, within the sizeLimit of its package.json, compressed',
  needs: [],
  takes: [],
  params: { callers: 1, connections: 1, warmupMs: 0, durationMs: 0 },
  // The same build has the same size every time.
  rounds: 1,
  criteria: [
    { metric: 'dependencies', subject: '@fynlo/pool-core', op: '==', bound: 0 },
    { metric: 'budgetShare', subject: '@fynlo/pool-core', op: '<=', bound: 1 },
  ],
  subjects: [
    {
      name: '@fynlo/pool-core',
      settings: 'its own code, bundled and minified, gzip',
      async round() {
        const require = createRequire(import.meta.url);
        const manifestPath = require.resolve('@fynlo/pool-core/package.json');
        const manifest = JSON.parse(await readFile(manifestPath, 'utf8')) as {
          dependencies?: Record<string, string>;
          sizeLimit: string;
        };
        const { outputFiles } = await build({
          entryPoints: [join(dirname(manifestPath), 'dist', 'mod.js')],
          bundle: true,
          minify: true,
          format: 'esm',
          platform: 'node',
          packages: 'external',
          write: false,
        });
        const code = outputFiles[0]?.contents;
        if (code === undefined) throw new Error('the bundle is empty');
        const bytes = gzipSync(code, { level: 9 }).length;
        return {
          metrics: {
            dependencies: Object.keys(manifest.dependencies ?? {}).length,
            bytes,
            budgetShare: bytes / 1000 / Number.parseInt(manifest.sizeLimit, 10),
          },
        };
      },
    },
  ],
};
