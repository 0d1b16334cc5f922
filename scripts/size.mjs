// Fails when importing a published package costs more than the `sizeLimit` in its package.json: its own code, bundled
// and minified, gzip.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

let over = 0;
for (const name of readdirSync('packages')) {
  const manifest = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8'));
  const limit = /^(\d+) kB$/.exec(manifest.sizeLimit)?.[1];
  if (limit === undefined) throw new Error(`packages/${name}: "sizeLimit" has to be "<number> kB"`);
  const { outputFiles } = await build({
    entryPoints: [`./packages/${name}/dist/mod.js`],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    write: false,
  });
  const kB = gzipSync(outputFiles[0].contents, { level: 9 }).length / 1000;
  if (kB > limit) over++;
  const verdict = kB > limit ? 'OVER' : 'ok  ';
  console.log(`${verdict} ${manifest.name.padEnd(26)} ${kB.toFixed(1).padStart(5)} of ${limit} kB`);
}
process.exit(over === 0 ? 0 : 1);
