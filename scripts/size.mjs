// Fails when the JavaScript of a published package, compressed, is over the `sizeLimit` in its package.json.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** The files an import of any entry point loads. */
function loaded(file, seen = new Set()) {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(
    /(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g,
  )) {
    loaded(join(dirname(file), path), seen);
  }
  return seen;
}

let over = 0;
for (const name of readdirSync('packages')) {
  const folder = join('packages', name);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const limit = /^(\d+) kB$/.exec(manifest.sizeLimit)?.[1];
  if (limit === undefined) throw new Error(`${folder}/package.json: "sizeLimit" is "<number> kB"`);
  const files = new Set();
  for (const target of Object.values(manifest.exports)) {
    if (target.default) for (const file of loaded(join(folder, target.default))) files.add(file);
  }
  let bytes = 0;
  for (const file of files) bytes += gzipSync(readFileSync(file), { level: 9 }).length;
  const fits = bytes <= limit * 1000;
  if (!fits) over++;
  const size = `${(bytes / 1000).toFixed(1).padStart(5)} kB of ${limit} kB gzip`;
  console.log(`${fits ? 'ok  ' : 'OVER'} ${manifest.name.padEnd(26)} ${size}`);
}
process.exit(over === 0 ? 0 : 1);
