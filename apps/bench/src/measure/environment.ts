import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';

/** Where and on what a result was measured: a number without it cannot be compared. */
export interface Environment {
  readonly node: string;
  readonly v8: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  /** One-minute load average at the start. */
  readonly load: number;
  readonly commit?: string;
  /** Whether files under version control had changes. */
  readonly dirty?: boolean;
  /** Tells one set of changes from another. */
  readonly changes?: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly postgres?: ServerEnvironment;
  readonly redis?: ServerEnvironment;
}

export interface ServerEnvironment {
  readonly version: string;
  /** Where it came from: a URL that was given, the npm binaries, PATH, the distribution's package. */
  readonly source: string;
  /** Settings a result depends on: `fsync`, `auth`, `max_connections`, `maxmemory` ... */
  readonly settings: Readonly<Record<string, string>>;
}

const require = createRequire(import.meta.url);

/** The installed version of a package; undefined when it is not there. Its `exports` may hide its manifest. */
function installedVersion(name: string): string | undefined {
  let folder: string;
  try {
    folder = dirname(require.resolve(name));
  } catch {
    return undefined;
  }
  for (;;) {
    const manifest = readManifest(join(folder, 'package.json'));
    if (manifest?.name === name) return manifest.version;
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
}

function readManifest(path: string): { name?: string; version?: string } | undefined {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

export function readEnvironment(packages: readonly string[]): Environment {
  const [first] = cpus();
  return {
    node: process.version,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch} ${release()}`,
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    load: loadavg()[0] ?? 0,
    ...gitState(),
    packages: Object.fromEntries(
      packages.flatMap((name) => {
        const version = installedVersion(name);
        return version === undefined ? [] : [[name, version]];
      }),
    ),
  };
}

/**
 * Of the checkout that this build is in, wherever it was started. Files that git does not know are no changes: results lie about,
 * and code that is used is imported by code that it knows.
 */
function gitState(): Pick<Environment, 'commit' | 'dirty' | 'changes'> {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: dirname(require.resolve('@fynlo/bench/package.json')),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 2 ** 28,
    }).trim();
  try {
    const commit = git('rev-parse', 'HEAD');
    const changes = git('diff', 'HEAD');
    if (changes === '') return { commit, dirty: false };
    return {
      ...{ commit, dirty: true },
      changes: createHash('sha256').update(changes).digest('hex').slice(0, 8),
    };
  } catch {
    return {};
  }
}

/** `1248651e0a`, or `1248651e0a with changes 5d41402a`. */
export function commitText({ commit, dirty, changes }: Environment): string | undefined {
  if (commit === undefined) return undefined;
  const edited = dirty === true ? ` with changes${changes === undefined ? '' : ` ${changes}`}` : '';
  return `${commit.slice(0, 10)}${edited}`;
}
