// What a user gets: the packed tarballs, installed into an empty project.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);

export interface PublishedPackage {
  readonly name: string;
  /** Its folder in the clone. */
  readonly folder: string;
  /** The file that `packAll()` makes of it. */
  readonly tarball: string;
  /** `.` and the other subpaths that can be imported. */
  readonly subpaths: readonly string[];
  readonly dependencies: readonly string[];
  readonly peers: readonly string[];
  readonly optionalPeers: readonly string[];
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { optional?: boolean }>>;
}

export function publishedPackages(): PublishedPackage[] {
  return readdirSync(join(root, 'packages')).map((short) => {
    const folder = join(root, 'packages', short);
    const manifest: Manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const peers = Object.keys(manifest.peerDependencies ?? {});
    return {
      name: manifest.name,
      folder,
      tarball: `${manifest.name.slice(1).replace('/', '-')}-${manifest.version}.tgz`,
      subpaths: Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json'),
      dependencies: Object.keys(manifest.dependencies ?? {}),
      peers,
      optionalPeers: peers.filter((peer) => manifest.peerDependenciesMeta?.[peer]?.optional),
    };
  });
}

/** Packs every published package, built, into the folder `to`. */
export function packAll(to: string): void {
  const pack = ['--filter', './packages/*', '-r', 'pack', '--pack-destination', to];
  execFileSync(process.execPath, [join(root, 'scripts/pnpm.mjs'), ...pack], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/**
 * Installs one package, out of the folder with the tarballs, with what it depends on and nothing else into `project`.
 * What is not ours is linked from the clone, so no registry is asked.
 */
export function installAlone(
  project: string,
  wanted: PublishedPackage,
  tarballs: string,
  { peers = wanted.peers }: { readonly peers?: readonly string[] } = {},
): void {
  const modules = join(project, 'node_modules');
  const target = join(modules, wanted.name);
  mkdirSync(target, { recursive: true });
  const tarball = join(tarballs, wanted.tarball);
  execFileSync('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
  for (const name of wanted.dependencies) {
    const ours = publishedPackages().find((other) => other.name === name);
    if (ours === undefined) link(modules, name, wanted.folder);
    else installAlone(project, ours, tarballs, { peers: [] });
  }
  for (const name of peers) link(modules, name, wanted.folder);
}

/** Makes `name`, as the clone's folder `from` sees it, importable from `modules`. */
export function link(modules: string, name: string, from: string): void {
  const path = join(modules, name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(realpathSync(join(from, 'node_modules', name)), path);
}
