import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';

/** What the whole machine did between start and stop, this process included. */
export interface HostUsage {
  /** Busy share of all cores, percent. */
  readonly cpuPercent: number;
  /** Time a hypervisor gave to somebody else, percent of all cores; `null` where the system does not tell. */
  readonly stealPercent: number | null;
  /** Share of the time a cgroup quota held this container still, percent; `null` without a cgroup v2. */
  readonly throttledPercent: number | null;
  /**
   * Of the time this process's main thread wanted a CPU, the share it had to wait for one; percent, `null` where the
   * kernel keeps no such account.
   */
  readonly cpuWaitPercent: number | null;
  /** One-minute load average ÷ cores, at the end. */
  readonly loadPerCore: number;
}

interface Ticks {
  readonly at: number;
  readonly busy: number;
  readonly total: number;
  readonly steal: number | undefined;
  readonly throttledMs: number | undefined;
  readonly ranNs: number | undefined;
  readonly waitedNs: number | undefined;
}

/** Watches the machine from `start` to `stop()`: two readings of the kernel's counters, no timer. */
export class HostMonitor {
  readonly #from: Ticks = readTicks();

  static start(): HostMonitor {
    return new HostMonitor();
  }

  stop(): HostUsage {
    const from = this.#from;
    const to = readTicks();
    const total = to.total - from.total;
    const percent = (part: number): number => (total > 0 ? (100 * part) / total : 0);
    return {
      cpuPercent: percent(to.busy - from.busy),
      stealPercent:
        to.steal === undefined || from.steal === undefined ? null : percent(to.steal - from.steal),
      throttledPercent:
        to.throttledMs === undefined || from.throttledMs === undefined || to.at === from.at
          ? null
          : (100 * (to.throttledMs - from.throttledMs)) / (to.at - from.at),
      cpuWaitPercent: cpuWait(from, to),
      loadPerCore: (loadavg()[0] ?? 0) / cpus().length,
    };
  }
}

function cpuWait(from: Ticks, to: Ticks): number | null {
  if (to.ranNs === undefined || to.waitedNs === undefined) return null;
  const ran = to.ranNs - (from.ranNs ?? 0);
  const waited = to.waitedNs - (from.waitedNs ?? 0);
  return ran + waited > 0 ? (100 * waited) / (ran + waited) : 0;
}

function readTicks(): Ticks {
  const throttledUs = /^throttled_usec (\d+)$/m.exec(readText('/sys/fs/cgroup/cpu.stat'))?.[1];
  // The first two numbers: time on a CPU and time waiting for one, of the main thread.
  const [ranNs, waitedNs] = readText('/proc/self/schedstat').split(' ').map(Number);
  const common = {
    at: performance.now(),
    ranNs: waitedNs === undefined ? undefined : ranNs,
    waitedNs,
    throttledMs: throttledUs === undefined ? undefined : Number(throttledUs) / 1000,
  };
  const line = /^cpu +(.+)$/m.exec(readText('/proc/stat'))?.[1];
  if (line !== undefined) {
    // user nice system idle iowait irq softirq steal; guest time is within user.
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, soft = 0, steal = 0] =
      line.split(' ').map(Number);
    const busy = user + nice + system + irq + soft;
    return { ...common, busy, steal, total: busy + idle + iowait + steal };
  }
  let busy = 0;
  let total = 0;
  for (const { times } of cpus()) {
    const used = times.user + times.nice + times.sys + times.irq;
    busy += used;
    total += used + times.idle;
  }
  return { ...common, busy, total, steal: undefined };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
