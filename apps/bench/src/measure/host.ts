import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Ticks of all cores since boot. */
export interface CpuTicks {
  readonly busy: number;
  readonly stolen: number;
  readonly total: number;
}

/** Reads `/proc/stat` where there is one (it alone knows what a hypervisor took), else node's own counters. */
export function cpuTicks(): CpuTicks {
  try {
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] =
      readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/\s+/).slice(1).map(Number) ?? [];
    const busy = user + nice + system + irq + softirq;
    return { busy, stolen: steal, total: busy + idle + iowait + steal };
  } catch {
    let busy = 0;
    let idle = 0;
    for (const { times } of cpus()) {
      busy += times.user + times.nice + times.sys + times.irq;
      idle += times.idle;
    }
    return { busy, stolen: 0, total: busy + idle };
  }
}

/** Shares of all cores' time between two readings, 0..1. */
export function cpuShares(from: CpuTicks, to: CpuTicks): { busy: number; stolen: number } {
  const total = to.total - from.total;
  if (total <= 0) return { busy: 0, stolen: 0 };
  return { busy: (to.busy - from.busy) / total, stolen: (to.stolen - from.stolen) / total };
}

/** Above this share of busy time before a round starts, somebody else is using the machine. */
const QUIET_BUSY_SHARE = 0.25;
/** A hypervisor that took more than this during a round makes its times somebody else's. */
const STOLEN_SHARE = 0.05;

/** What one look at the machine takes: Linux counts in 10 ms ticks. */
export const LOOK_MS = 200;

/** Waits until the machine is quiet, at most `patienceMs`. Returns how busy it still was, or undefined when it is quiet. */
export async function waitForQuiet(
  patienceMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const from = cpuTicks();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    signal.throwIfAborted();
    const { busy } = cpuShares(from, cpuTicks());
    if (busy <= QUIET_BUSY_SHARE) return undefined;
    if (performance.now() >= until) {
      return `other programs used ${Math.round(busy * 100)} % of the CPU before the round`;
    }
  }
}

/** Says when a hypervisor took too much of the time between two readings. */
export function stolenTime(from: CpuTicks, to: CpuTicks): string | undefined {
  const { stolen } = cpuShares(from, to);
  return stolen > STOLEN_SHARE ? `${Math.round(stolen * 100)} % of the CPU was stolen` : undefined;
}
