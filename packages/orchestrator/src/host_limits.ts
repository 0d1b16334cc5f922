import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

/** What this process may use at most, and who says so. */
export interface HostLimits {
  readonly memoryBytes: number;
  readonly memorySource: 'cgroup' | 'total-ram';
  readonly cores: number;
  readonly coresSource: 'cgroup-quota' | 'available-cores';
}

/** @param read text of a file, `undefined` when there is none; a parameter so that tests need no container. */
export function hostLimits(read: (path: string) => string | undefined = readText): HostLimits {
  const total = totalmem();
  // "Unlimited" is reported as 0 or as 1.8e19, depending on the cgroup version.
  const constrained = process.constrainedMemory();
  const limited = constrained > 0 && constrained < total;
  const available = availableParallelism();
  const quota = cpuQuota(read);
  const quotaBinds = quota !== undefined && quota < available;
  return {
    memoryBytes: limited ? constrained : total,
    memorySource: limited ? 'cgroup' : 'total-ram',
    cores: quotaBinds ? quota : available,
    coresSource: quotaBinds ? 'cgroup-quota' : 'available-cores',
  };
}

function cpuQuota(read: (path: string) => string | undefined): number | undefined {
  const [v2Quota, v2Period] = (read('/sys/fs/cgroup/cpu.max') ?? '').trim().split(' ');
  const quota = Number(v2Quota || read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us'));
  const period = Number(v2Period || read('/sys/fs/cgroup/cpu/cpu.cfs_period_us'));
  // "max" (v2) is NaN, -1 (v1) is negative: both mean no quota.
  return quota > 0 && period > 0 ? quota / period : undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
