import type { CpuQuota } from './cpu_limit.ts';
import { parseCpuMax } from './cpu_limit.ts';
import type { MemoryLimitCandidate } from './memory_limit.ts';

/** Reads a small file whole; `undefined` when it is not there or may not be read. */
export type ReadText = (path: string) => string | undefined;

/** What the control groups of this process say, as text: nothing is interpreted here. */
export interface Cgroup {
  readonly memory: readonly MemoryLimitCandidate[];
  readonly cpu: readonly CpuQuota[];
  /** The file that counts throttled time, if there is one. */
  readonly cpuStatPath: string | undefined;
  /** The files with pressure stall information: the group's own, else the machine's. */
  readonly memoryPressurePath: string | undefined;
  readonly cpuPressurePath: string | undefined;
}

const ROOT = '/sys/fs/cgroup';

/**
 * Finds the limits on this process, its own group's and those of every group above. Where a container has its own cgroup
 * namespace its limits are at the mount's root; where it has none, /proc/self/cgroup names a path that is not mounted
 * inside: both are met by walking from the named path up to the root and passing over what is not there.
 */
export function readCgroup(read: ReadText): Cgroup {
  const groups = parseGroups(read('/proc/self/cgroup') ?? '');
  const unified = pathsUp(groups.get('') ?? '/').flatMap((path) => [
    `${ROOT}${path}`,
    `${ROOT}/unified${path}`, // the hybrid layout of systemd
  ]);
  const memoryV1 = pathsUp(groups.get('memory') ?? '/').map((path) => `${ROOT}/memory${path}`);
  const cpuV1 = pathsUp(groups.get('cpu') ?? '/').flatMap((path) => [
    `${ROOT}/cpu${path}`,
    `${ROOT}/cpu,cpuacct${path}`,
  ]);

  const memory: MemoryLimitCandidate[] = [];
  const cpu: CpuQuota[] = [];
  for (const dir of unified) {
    const max = read(`${dir}/memory.max`);
    if (max !== undefined) memory.push({ source: 'cgroup-v2 memory.max', text: max });
    // Over memory.high the kernel throttles and reclaims: to the process it is the limit that hurts first.
    const high = read(`${dir}/memory.high`);
    if (high !== undefined) memory.push({ source: 'cgroup-v2 memory.high', text: high });
    const cpuMax = read(`${dir}/cpu.max`);
    if (cpuMax !== undefined) cpu.push(parseCpuMax(cpuMax));
  }
  for (const dir of memoryV1) {
    const text = read(`${dir}/memory.limit_in_bytes`);
    if (text !== undefined) memory.push({ source: 'cgroup-v1 limit_in_bytes', text });
  }
  for (const dir of cpuV1) {
    const quota = read(`${dir}/cpu.cfs_quota_us`);
    const period = read(`${dir}/cpu.cfs_period_us`);
    if (quota !== undefined && period !== undefined) {
      cpu.push({ source: 'cgroup-v1 cfs_quota', quota, period });
    }
  }

  const first = (paths: readonly string[]) => paths.find((path) => read(path) !== undefined);
  return {
    memory,
    cpu,
    // The first that counts throttling: a root group has a cpu.stat without these lines.
    cpuStatPath: [...unified, ...cpuV1]
      .map((dir) => `${dir}/cpu.stat`)
      .find((path) => parseThrottledMs(read(path)) !== undefined),
    memoryPressurePath: first([
      ...unified.map((dir) => `${dir}/memory.pressure`),
      '/proc/pressure/memory',
    ]),
    cpuPressurePath: first([...unified.map((dir) => `${dir}/cpu.pressure`), '/proc/pressure/cpu']),
  };
}

/** Milliseconds this group was kept from running by its quota, from `cpu.stat` of either version. */
export function parseThrottledMs(text: string | undefined): number | undefined {
  const v2 = /^throttled_usec (\d+)$/m.exec(text ?? '');
  if (v2 !== null) return Number(v2[1]) / 1e3;
  const v1 = /^throttled_time (\d+)$/m.exec(text ?? '');
  return v1 === null ? undefined : Number(v1[1]) / 1e6;
}

/** Controller name to path; the unified (v2) hierarchy has the empty name. */
function parseGroups(text: string): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (match === null) continue;
    const [, controllers = '', path = '/'] = match;
    for (const controller of controllers.split(',')) groups.set(controller, path);
  }
  return groups;
}

/** `/a/b` gives `/a/b`, `/a` and `''`. */
function pathsUp(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..');
  return Array.from({ length: parts.length + 1 }, (_, up) =>
    parts
      .slice(0, parts.length - up)
      .map((part) => `/${part}`)
      .join(''),
  );
}
