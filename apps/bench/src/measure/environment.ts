import { execFileSync } from 'node:child_process';
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
  /** Whether the working tree had changes. */
  readonly dirty?: boolean;
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

function gitState(): { commit?: string; dirty?: boolean } {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return { commit: git('rev-parse', 'HEAD'), dirty: git('status', '--porcelain') !== '' };
  } catch {
    return {};
  }
}
