import { systemHostProbe } from '@fynlo/resource-optimizer';

/** What this process may use at most, and who says so. */
export interface HostLimits {
  readonly memoryBytes: number;
  /** A cgroup, or the machine's RAM. */
  readonly memorySource: string;
  readonly cores: number;
  /** A quota, or the cores there are. */
  readonly coresSource: string;
}

/** As the optimizer reads them, so that criteria and optimizer divide by the same. */
export function hostLimits(): HostLimits {
  const { memory, cpu } = systemHostProbe().limits();
  return {
    memoryBytes: memory.limitBytes,
    memorySource: memory.source,
    cores: cpu.cores,
    coresSource: cpu.source,
  };
}
