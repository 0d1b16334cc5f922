// Emits the declarations of the package in the working directory: of its entry points and of what they import, not of
// tests. Types are not checked here (`typecheck` does that); explicit types on all exports make that sound.
//
// leak-guard and resource-optimizer take types from @fynlo/pool-core/contract and depend on no package. For such a
// package the contract's declarations are copied to dist/_contract.d.ts, so that it type-checks installed alone.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const CONTRACT = '@fynlo/pool-core/contract';

const folder = process.cwd();
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const installed = { ...manifest.dependencies, ...manifest.peerDependencies };
const standsAlone = !('@fynlo/pool-core' in installed) && manifest.name !== '@fynlo/pool-core';

const config = ts.getParsedCommandLineOfConfigFile(
  'tsconfig.json',
  { noCheck: true },
  { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (problem) => fail([problem]) },
);
const entries = Object.values(manifest.exports).flatMap((target) => {
  const concept = /^\.\/dist\/(.+)\.d\.ts$/.exec(target.types ?? '')?.[1];
  return concept === undefined ? [] : [join(folder, 'src', `${concept}.ts`)];
});
const program = ts.createProgram(entries, config.options);

let contractUsed = false;
const { diagnostics } = program.emit(undefined, (path, text, ...rest) => {
  ts.sys.writeFile(path, standsAlone ? withoutPoolCore(text) : text, ...rest);
});
if (diagnostics.length > 0) fail(diagnostics);
if (contractUsed) ts.sys.writeFile(join(folder, 'dist/_contract.d.ts'), contract());

function withoutPoolCore(text) {
  // Lines of a doc comment keep the public name.
  return text.replace(/^(?!\s*\*).*$/gm, (line) => {
    if (!line.includes(CONTRACT)) return line;
    contractUsed = true;
    return line.replaceAll(CONTRACT, './_contract.js');
  });
}

function contract() {
  const file = program.getSourceFiles().find((f) => f.fileName.endsWith('/dist/contract.d.ts'));
  if (ts.preProcessFile(file.text).importedFiles.length > 0) {
    throw new Error(`${CONTRACT} imports another file, so it cannot be copied alone`);
  }
  return file.text;
}

function fail(problems) {
  const host = {
    getCurrentDirectory: () => folder,
    getCanonicalFileName: (name) => name,
    getNewLine: () => '\n',
  };
  console.error(ts.formatDiagnostics(problems, host));
  process.exit(1);
}
