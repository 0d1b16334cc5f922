/** Who set the number of cores; `machine` is what the scheduler lets this process run on (affinity included). */
export type CpuLimitSource = 'cgroup-v2 cpu.max' | 'cgroup-v1 cfs_quota' | 'machine';

/** A quota as the system states it: CPU microseconds per period, both as text. */
export interface CpuQuota {
  readonly source: Exclude<CpuLimitSource, 'machine'>;
  readonly quota: string;
  readonly period: string;
}

export interface CpuLimit {
  /** May be fractional: `50000 100000` is half a core. */
  readonly cores: number;
  readonly source: CpuLimitSource;
}

/** The smallest of the machine's cores and every quota on the way up to the root group. */
export function cpuLimit(machineCores: number, quotas: readonly CpuQuota[]): CpuLimit {
  let best: CpuLimit = { cores: machineCores, source: 'machine' };
  for (const { source, quota, period } of quotas) {
    const cores = positive(quota) / positive(period);
    // NaN ("max", "-1", an empty file) compares false and is passed over.
    if (cores < best.cores) best = { cores, source };
  }
  return best;
}

/** Splits cgroup v2's one-line `cpu.max` ("max 100000", "150000 100000"). */
export function parseCpuMax(text: string): CpuQuota {
  const [quota = '', period = ''] = text.trim().split(/\s+/);
  return { source: 'cgroup-v2 cpu.max', quota, period };
}

function positive(text: string): number {
  const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  return value > 0 ? value : Number.NaN;
}
