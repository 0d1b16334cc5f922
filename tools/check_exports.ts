// The rules of a package's public map (its `exports`), after denoland/std's `check_mod_exports`, `check_export_names`
// and `check_unstable_deps`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Manifest {
  readonly exports: Readonly<Record<string, string | { types?: string; default?: string }>>;
}

/**
 * What is wrong with the exports of the package in `folder`, one sentence each; it has to be built.
 *
 * 1. Each subpath is the kebab-case of a snake_case file, `.` is `mod.ts`, and its files are in `dist`.
 * 2. Each file that is not private (`_x.ts`), unstable (`unstable_x.ts`) or a test can be reached: it is an entry, or
 *    an entry re-exports it.
 * 3. Nothing that is stable imports what is unstable.
 * 4. `mod.ts` only re-exports, and `src` has no folders.
 */
export function checkExports(folder: string): string[] {
  const problems: string[] = [];
  const { exports }: Manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const sources = new Map<string, string>();
  for (const entry of readdirSync(join(folder, 'src'), { withFileTypes: true })) {
    if (entry.isDirectory()) problems.push(`src/${entry.name}/ is a folder; src is flat`);
    else if (entry.name.endsWith('.ts') && !entry.name.endsWith('_test.ts')) {
      sources.set(entry.name, readFileSync(join(folder, 'src', entry.name), 'utf8'));
    }
  }

  const entries: string[] = [];
  for (const [subpath, target] of Object.entries(exports)) {
    if (subpath === './package.json') continue;
    const concept = subpath === '.' ? 'mod' : subpath.slice(2).replaceAll('-', '_');
    const wanted = { types: `./dist/${concept}.d.ts`, default: `./dist/${concept}.js` };
    if (!/^\.(\/[a-z0-9]+(-[a-z0-9]+)*)?$/.test(subpath)) {
      problems.push(`"${subpath}" is not kebab-case`);
    }
    if (JSON.stringify(target) !== JSON.stringify(wanted)) {
      problems.push(`"${subpath}" points elsewhere than ${JSON.stringify(wanted)}`);
    }
    if (!sources.has(`${concept}.ts`)) problems.push(`"${subpath}" has no src/${concept}.ts`);
    else entries.push(`${concept}.ts`);
    for (const file of Object.values(wanted)) {
      if (!existsSync(join(folder, file))) problems.push(`"${subpath}" has no ${file}: build it`);
    }
  }

  const unstable = (name: string): boolean => name.startsWith('unstable_');
  const reachable = closure(entries, sources, reExports);
  for (const name of sources.keys()) {
    if (name.startsWith('_') || unstable(name) || reachable.has(name)) continue;
    const hint = `re-export it from mod.ts, or call it _${name}`;
    problems.push(`src/${name} is public by its name but no entry exports it: ${hint}`);
  }
  const stable = closure(
    entries.filter((name) => !unstable(name)),
    sources,
    imports,
  );
  for (const name of stable) {
    if (!unstable(name)) continue;
    const by = [...stable].filter((n) => imports(sources.get(n) ?? '').includes(name));
    problems.push(`src/${name} is unstable but ${by.join(', ')} imports it`);
  }
  const rest = code(sources.get('mod.ts') ?? '')
    .replace(RE_EXPORT, '')
    .replace(/export \{\s*\};/, '');
  if (/[^\s;]/.test(rest)) problems.push('src/mod.ts does more than re-export');
  return problems;
}

const RE_EXPORT =
  /\bexport\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s*from\s*['"](?:\.\/)?([^'"]+)['"]/g;
const IMPORT = /\b(?:from|import)\s*\(?\s*['"]\.\/([^'"]+)['"]/g;

const reExports = (text: string): string[] => captures(text, RE_EXPORT);
const imports = (text: string): string[] => captures(text, IMPORT);

function captures(text: string, pattern: RegExp): string[] {
  return [...code(text).matchAll(pattern)].flatMap(([, name]) =>
    name === undefined ? [] : [name],
  );
}

/** `text` without comments, as far as import lines need it. */
function code(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

function closure(
  from: readonly string[],
  sources: ReadonlyMap<string, string>,
  next: (text: string) => string[],
): Set<string> {
  const found = new Set(from);
  // A Set's iterator also visits what is added meanwhile.
  for (const name of found) {
    for (const other of next(sources.get(name) ?? '')) if (sources.has(other)) found.add(other);
  }
  return found;
}
