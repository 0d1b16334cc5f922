import type { PressureLevel } from './pressure_policy.ts';
import { severity } from './pressure_policy.ts';

/**
 * How long a full collection stops the program, per MiB that survives it. Measured on 2 shared cores, Node 20 and 24:
 * 44 ms at 50 MB, 80–160 ms at 200 MB, 390–490 ms at 500 MB.
 */
const STALL_MS_PER_MIB = 0.9;
const MIB = 1024 * 1024;

export interface TrimConfig {
  readonly minReclaimableBytes: number;
  readonly maxUtilization: number;
  readonly cooldownMs: number;
  readonly maxStallMs: number;
}

export interface TrimInput {
  readonly level: PressureLevel;
  /** Event loop utilisation of the last interval, 0..1. */
  readonly utilization: number;
  readonly reclaimableBytes: number;
  /** What is expected to survive. */
  readonly liveBytes: number;
  /** `undefined` before the first trim. */
  readonly sinceLastTrimMs: number | undefined;
  /** How many trims in a row gave back less than a quarter of what was expected. */
  readonly poorTrims: number;
  /** A debugger or profiler is attached from outside. */
  readonly inspected: boolean;
}

export type TrimDecision =
  | { readonly trim: true; readonly reason: string }
  | { readonly trim: false; readonly reason: string };

/**
 * Whether a full collection is worth its stop now. It stops the program, so it waits for an idle loop, unless memory is
 * critical: then the alternative is being killed.
 */
export function decideTrim(input: TrimInput, config: TrimConfig): TrimDecision {
  const no = (reason: string): TrimDecision => ({ trim: false, reason });
  const pressed = severity(input.level) >= severity('high');
  const critical = input.level === 'critical';

  if (input.inspected) return no('a debugger or profiler is attached');
  if (input.reclaimableBytes < config.minReclaimableBytes) {
    return no(
      `${mib(input.reclaimableBytes)} look reclaimable, wanted at least ${mib(config.minReclaimableBytes)}`,
    );
  }
  // Trims that find nothing come ever more rarely: the estimate takes a grown cache for garbage.
  const cooldownMs =
    (critical ? config.cooldownMs / 6 : config.cooldownMs) * 2 ** Math.min(input.poorTrims, 5);
  if (input.sinceLastTrimMs !== undefined && input.sinceLastTrimMs < cooldownMs) {
    return no(`the last trim was ${sec(input.sinceLastTrimMs)} ago, wanted ${sec(cooldownMs)}`);
  }
  if (!critical && input.utilization >= config.maxUtilization) {
    return no(
      `the event loop is ${percent(input.utilization)} busy, wanted under ${percent(config.maxUtilization)}`,
    );
  }
  const stallMs = (input.liveBytes / MIB) * STALL_MS_PER_MIB;
  if (!pressed && stallMs > config.maxStallMs) {
    return no(
      `it would stop the program for about ${Math.round(stallMs)} ms, wanted at most ${config.maxStallMs} ms`,
    );
  }
  return {
    trim: true,
    reason: `${mib(input.reclaimableBytes)} look reclaimable, the event loop is ${percent(input.utilization)} busy`,
  };
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}

function sec(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
