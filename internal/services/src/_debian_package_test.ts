/** With stand-ins for apt-get and dpkg-deb, so that it runs anywhere and needs no network. */
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { run } from './_command.ts';
import { type PackagedProgram, programFromPackages } from './_debian_package.ts';

const APT_GET = `#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in
  *update*) exit 100 ;; # a third-party source that does not answer
  *-s*install*) echo 'Inst liblzf1 (1 Debian)'; echo 'Inst redis-tools (2 Debian)'; echo 'Inst redis-server (2 Debian)' ;;
  *download*) [ -z "$OFFLINE" ] || { echo 'Could not resolve deb.example'; exit 100; }
    for last in "$@"; do :; done
    echo deb > redis-tools.deb; echo deb > "$last.deb" ;;
esac
`;
const DPKG_DEB = `#!/bin/sh
mkdir -p "$3/usr/bin" "$3/usr/lib/x86_64-linux-gnu"
printf '#!/bin/sh\\necho "Redis server v=9.9.9 sha=0"\\n' > "$3/usr/bin/redis-server"
chmod 755 "$3/usr/bin/redis-server"
`;

let folder: string;
let cache: string;
const notes: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'apt-'));
  cache = join(folder, 'cache');
  for (const [name, text] of [
    ['apt-get', APT_GET],
    ['dpkg-deb', DPKG_DEB],
  ] as const) {
    await writeFile(join(folder, name), text);
    await chmod(join(folder, name), 0o755);
  }
  notes.length = 0;
  vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
  vi.stubEnv('FYNLO_SERVICES_CACHE', cache);
  vi.stubEnv('CALLS', join(folder, 'calls'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const unpacked = (): Promise<PackagedProgram> =>
  programFromPackages(
    {
      name: 'redis-server',
      packages: ['redis-tools', 'redis-server'],
      path: 'usr/bin/redis-server',
    },
    (line) => void notes.push(line),
  );

test('fetches what the machine lacks, once, and leaves only the unpacked tree', async () => {
  const program = await unpacked();
  const { output } = await run(program.path, ['--version']);
  expect(output).toContain('v=9.9.9');
  expect(program.env['LD_LIBRARY_PATH']).toContain('usr/lib/x86_64-linux-gnu');
  expect(notes).toHaveLength(1);
  expect(await unpacked()).toEqual(program);
  expect(notes).toHaveLength(1);
  expect(await readdir(cache)).toEqual([expect.stringMatching(/^redis-/)]);
});

test('two processes at once end with one tree', async () => {
  const programs = await Promise.all([unpacked(), unpacked()]);
  expect(programs[0]).toEqual(programs[1]);
  expect(await readdir(cache)).toHaveLength(1);
});

test('what a killed process left is removed, what a living one is doing is not', async () => {
  const { pid } = await new Promise<{ pid: number }>((resolve, reject) => {
    run('/bin/sh', ['-c', 'echo $$']).then(
      ({ output }) => resolve({ pid: Number(output) }),
      reject,
    );
  });
  await mkdir(join(cache, `work.${pid}.abandoned`), { recursive: true });
  await mkdir(join(cache, `work.${process.pid}.busy`));
  await unpacked();
  expect((await readdir(cache)).filter((name) => name.startsWith('work.'))).toEqual([
    `work.${process.pid}.busy`,
  ]);
});

test('a download that fails says why, and leaves nothing', async () => {
  vi.stubEnv('OFFLINE', '1');
  await expect(unpacked()).rejects.toThrow('Could not resolve deb.example');
  expect(await readdir(cache)).toEqual([]);
});
