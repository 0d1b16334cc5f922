/** What is known of the machine while something was measured. */
export interface HostEvidence {
  readonly cpuPercent: number;
  readonly stealPercent: number | null;
  readonly throttledPercent: number | null;
  /** Of the time the main thread wanted a CPU, the share it waited for one, percent. */
  readonly cpuWaitPercent: number | null;
  /** CPU of this process, percent of the whole machine. */
  readonly ownCpuPercent: number;
  /** How late the host woke a sleeping thread, p95 in ms; `null` where no load was paced. */
  readonly wakeDelayP95Ms: number | null;
}

export interface SaturationLimits {
  /** @default 5 */
  readonly stealPercent: number;
  /** @default 5 */
  readonly throttledPercent: number;
  /** A fit machine lets a program of a few percent CPU wait next to nothing. @default 20 */
  readonly cpuWaitPercent: number;
  /** CPU used by everybody else, servers on the same machine included. @default 75 */
  readonly othersCpuPercent: number;
  /**
   * Share of a latency threshold that waking a thread may cost. Half: a quiet 2-core machine needs 0.2–0.4 ms (p95)
   * to wake from a deep sleep state, which is already that much of the tightest threshold (1 ms).
   * @default 0.5
   */
  readonly wakeShareOfThreshold: number;
}

const SATURATION_LIMITS: SaturationLimits = {
  stealPercent: 5,
  throttledPercent: 5,
  cpuWaitPercent: 20,
  othersCpuPercent: 75,
  wakeShareOfThreshold: 0.5,
};

/**
 * Why a number measured under this evidence says more about the machine than about what was measured; empty when the
 * machine was fit. This process's own CPU is no excuse: it is part of what is judged.
 *
 * @param thresholdMs the latency the number is held against, where it is one
 */
export function saturationCauses(
  evidence: HostEvidence,
  thresholdMs?: number,
  limits: SaturationLimits = SATURATION_LIMITS,
): string[] {
  const causes: string[] = [];
  const { stealPercent, throttledPercent, wakeDelayP95Ms } = evidence;
  if (stealPercent !== null && stealPercent > limits.stealPercent) {
    causes.push(`the hypervisor took ${stealPercent.toFixed(1)} % of the CPU (steal)`);
  }
  if (throttledPercent !== null && throttledPercent > limits.throttledPercent) {
    causes.push(
      `the container's CPU quota held it still ${throttledPercent.toFixed(1)} % of the time`,
    );
  }
  const { cpuWaitPercent } = evidence;
  if (cpuWaitPercent !== null && cpuWaitPercent > limits.cpuWaitPercent) {
    causes.push(
      `this process had to wait for a CPU ${cpuWaitPercent.toFixed(0)} % of the time it wanted one`,
    );
  }
  const others = evidence.cpuPercent - evidence.ownCpuPercent;
  if (others > limits.othersCpuPercent) {
    causes.push(
      `other processes, servers included, used ${others.toFixed(0)} % of the machine's CPU`,
    );
  }
  if (wakeDelayP95Ms !== null && thresholdMs !== undefined) {
    const allowed = thresholdMs * limits.wakeShareOfThreshold;
    if (wakeDelayP95Ms > allowed) {
      causes.push(
        `the host woke a sleeping thread ${wakeDelayP95Ms.toFixed(2)} ms late (p95; fit up to ${allowed} ms)`,
      );
    }
  }
  return causes;
}
