import type { HostLimits } from './_host_limits.ts';
import type { HostUsage } from './_host_monitor.ts';
import type { ProcessUsage } from './process_monitor.ts';
import type { HostEvidence } from './saturation_policy.ts';

/** Puts together what the monitors saw in the same window. */
export function hostEvidence(
  host: HostUsage,
  own: ProcessUsage,
  limits: HostLimits,
  wakeDelayP95Ms: number | null,
): HostEvidence {
  return {
    cpuPercent: host.cpuPercent,
    stealPercent: host.stealPercent,
    throttledPercent: host.throttledPercent,
    cpuWaitPercent: host.cpuWaitPercent,
    ownCpuPercent: own.cpuPercentOfOneCore / limits.cores,
    wakeDelayP95Ms,
  };
}
