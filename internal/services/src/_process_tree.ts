import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** One process, told apart from a later one with the same number by when it started. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly started: string;
  /** Dead, and waiting to be collected by its parent. */
  readonly zombie: boolean;
}

/** A process and everything below it, parents before children. Empty when it is gone. */
export function processTree(pid: number): ProcessEntry[] {
  const all = processes();
  const tree = all.filter((entry) => entry.pid === pid);
  for (const parent of tree) {
    tree.push(...all.filter((entry) => entry.parent === parent.pid));
  }
  return tree;
}

/** Those of the given processes that still run. */
export function stillRunning(entries: readonly ProcessEntry[]): ProcessEntry[] {
  if (entries.length === 0) return [];
  const now = new Map(processes().map((entry) => [entry.pid, entry]));
  return entries.filter((entry) => {
    const current = now.get(entry.pid);
    return current !== undefined && current.started === entry.started && !current.zombie;
  });
}

/** Sends a signal; a process that is gone already is no error. */
export function signal(entries: readonly { pid: number }[], name: NodeJS.Signals): void {
  for (const { pid } of entries) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Every process of this machine that we may see. Synchronous: freezing a server must not wait for our own loop. */
function processes(): ProcessEntry[] {
  return process.platform === 'linux' ? fromProc() : fromPs();
}

function fromProc(): ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      // "pid (name) state ppid ...": the name may hold spaces and parentheses. The start time is the 22nd field.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      entries.push({
        pid: Number(name),
        parent: Number(fields[1]),
        started: fields[19] ?? '',
        zombie: fields[0] === 'Z' || fields[0] === 'X',
      });
    } catch {
      // It ended while we were reading.
    }
  }
  return entries;
}

function fromPs(): ProcessEntry[] {
  const { stdout } = spawnSync('ps', ['-axo', 'pid=,ppid=,stat=,lstart='], { encoding: 'utf8' });
  return stdout.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.+)$/.exec(line);
    if (match === null) return [];
    const [, pid, parent, state = '', started = ''] = match;
    return [{ pid: Number(pid), parent: Number(parent), started, zombie: state.startsWith('Z') }];
  });
}
