import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RoundOutcome } from '../scenario/scenario.ts';

const exec = promisify(execFile);

/**
 * Runs an npm script in a fresh clone of HEAD with a home folder of its own, so that no package manager's cache is
 * warm. npm's settings are taken along: they say where packages come from.
 *
 * @param accepted exit codes that count as having run: a target that is missed is not a command that broke
 */
export async function timeInFreshClone(
  args: readonly string[],
  accepted: readonly number[],
  signal: AbortSignal,
): Promise<RoundOutcome> {
  const { stdout } = await exec('git', ['rev-parse', '--show-toplevel']);
  const folder = await mkdtemp(join(tmpdir(), 'fynlo-fresh-'));
  try {
    const clone = join(folder, 'clone');
    const home = join(folder, 'home');
    await mkdir(home);
    await copyFile(join(homedir(), '.npmrc'), join(home, '.npmrc')).catch(() => {});
    await exec('git', ['clone', '--quiet', stdout.trim(), clone]);
    return await time(args, accepted, clone, { ...cleanEnvironment(), HOME: home }, signal);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Without what this very run was started by: npm and pnpm hand their own settings down. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const inherited = /^(npm_|PNPM_|XDG_|NODE_OPTIONS$|INIT_CWD$|DATABASE_URL$|REDIS_URL$)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !inherited.test(name)));
}

function time(
  args: readonly string[],
  accepted: readonly number[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<RoundOutcome> {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    let firstLineMs: number | undefined;
    let tail = '';
    let closed = false;
    // A group of its own, to be ended as a whole: npm's own children outlive it.
    const child = spawn('npm', [...args], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const end = (): void => {
      if (child.pid !== undefined && !closed) process.kill(-child.pid, 'SIGKILL');
    };
    signal.addEventListener('abort', end, { once: true });
    process.once('exit', end);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        firstLineMs ??= performance.now() - begun;
        tail = (tail + chunk.toString()).slice(-4000);
      });
    }
    child.once('error', reject);
    child.once('close', (code) => {
      closed = true;
      signal.removeEventListener('abort', end);
      process.off('exit', end);
      if (signal.aborted) return reject(signal.reason);
      const seconds = (performance.now() - begun) / 1000;
      if (code === null || !accepted.includes(code)) {
        reject(
          new Error(
            `npm ${args.join(' ')} ended with ${code} after ${seconds.toFixed(0)} s:\n${tail}`,
          ),
        );
      } else
        resolve({
          metrics: { seconds, firstLineMs: firstLineMs ?? seconds * 1000 },
          details: { code },
        });
    });
  });
}
