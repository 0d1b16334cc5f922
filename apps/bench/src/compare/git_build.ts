import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UsageError } from '../cli/errors.ts';

const exec = promisify(execFile);

/** A built copy of the project whose rounds can be run. */
export interface Build extends AsyncDisposable {
  /** As the user named it. */
  readonly name: string;
  /** The entry point of its rounds. */
  readonly roundProcess: string;
}

const ROUND_PROCESS = 'apps/bench/dist/rounds/round_process.js';

/**
 * Builds a git ref in a worktree of its own, or the working tree itself for `.`, in place.
 *
 * @throws UsageError when the ref does not exist, or its tree does not install or build.
 */
export async function buildOf(ref: string, signal: AbortSignal): Promise<Build> {
  const root = await run(
    'git',
    ['rev-parse', '--show-toplevel'],
    process.cwd(),
    signal,
    'not a git checkout',
  );
  if (ref === '.') {
    await build(root, ref, signal);
    return {
      name: 'working tree',
      roundProcess: join(root, ROUND_PROCESS),
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const commit = await run(
    'git',
    ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`],
    root,
    signal,
    `"${ref}" is neither a result file nor a git ref`,
  );
  const dir = await mkdtemp(join(tmpdir(), 'fynlo-bench-'));
  const dispose = async (): Promise<void> => {
    await exec('git', ['worktree', 'remove', '--force', dir], { cwd: root }).catch(() => {});
    await rm(dir, { recursive: true, force: true });
    await exec('git', ['worktree', 'prune'], { cwd: root }).catch(() => {});
  };
  try {
    await run(
      'git',
      ['worktree', 'add', '--detach', dir, commit],
      root,
      signal,
      `cannot check out ${ref}`,
    );
    await run(
      process.execPath,
      ['scripts/pnpm.mjs', 'install', '--frozen-lockfile', '--prefer-offline'],
      dir,
      signal,
      `cannot install ${ref}`,
    );
    await build(dir, ref, signal);
    return {
      name: commit.startsWith(ref) ? commit.slice(0, 10) : `${ref} (${commit.slice(0, 10)})`,
      roundProcess: join(dir, ROUND_PROCESS),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function build(dir: string, ref: string, signal: AbortSignal): Promise<void> {
  await run(
    process.execPath,
    ['scripts/pnpm.mjs', 'run', 'build'],
    dir,
    signal,
    `cannot build ${ref}`,
  );
}

async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  signal: AbortSignal,
  whenFailed: string,
): Promise<string> {
  try {
    const { stdout } = await exec(command, args, { cwd, signal, maxBuffer: 64 * 2 ** 20 });
    return stdout.trim();
  } catch (cause) {
    signal.throwIfAborted();
    const { stderr, stdout } = cause as { stderr?: string; stdout?: string };
    const last = `${stdout ?? ''}\n${stderr ?? ''}`.trim().split('\n').slice(-8).join('\n');
    throw new UsageError(last === '' ? whenFailed : `${whenFailed}:\n${last}`, { cause });
  }
}
