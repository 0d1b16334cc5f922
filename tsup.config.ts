// One build for every package, run from the package's folder: its `exports` (and `bin`) are the list of entry points.
import { readFileSync } from 'node:fs';
import { defineConfig } from 'tsup';

interface Manifest {
  exports?: Record<string, string | { default?: string }>;
  bin?: Record<string, string>;
}

const manifest: Manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const outputs = [
  ...Object.values(manifest.exports ?? {}).map((e) => (typeof e === 'string' ? e : e.default)),
  ...Object.values(manifest.bin ?? {}),
];

export default defineConfig({
  entry: Object.fromEntries(
    outputs.flatMap((file) => {
      const concept = /^\.\/dist\/(.+)\.js$/.exec(file ?? '')?.[1];
      return concept === undefined ? [] : [[concept, `src/${concept}.ts`]];
    }),
  ),
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  // Declarations come from tsc: tsup 8 passes it options that TypeScript 6 refuses.
  dts: false,
  clean: true,
  sourcemap: true,
  splitting: true,
  treeshake: true,
});
