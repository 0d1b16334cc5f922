/** How near a resource is to its end. Relievers are chosen by it. */
export type PressureLevel = 'normal' | 'elevated' | 'high' | 'critical';

/** From calm to worst. */
export const PRESSURE_LEVELS: readonly PressureLevel[] = ['normal', 'elevated', 'high', 'critical'];

/** The level's place from calm (0) to worst (3). */
export function severity(level: PressureLevel): number {
  return PRESSURE_LEVELS.indexOf(level);
}

/** The worse of two levels. */
export function worse(a: PressureLevel, b: PressureLevel): PressureLevel {
  return severity(a) >= severity(b) ? a : b;
}

export interface PressureConfig {
  /** The share, 0..1, at which each level is entered, ascending. */
  readonly enter: Readonly<Record<Exclude<PressureLevel, 'normal'>, number>>;
  /** How far under its entry a level is left. */
  readonly margin: number;
  /** Samples in a row that raise a level. */
  readonly raiseAfter: number;
  /** Samples in a row that lower it, by one step at a time. */
  readonly lowerAfter: number;
}

export interface PressureState {
  readonly level: PressureLevel;
  /** For each level, how many samples in a row were at or over its entry. */
  readonly over: readonly [elevated: number, high: number, critical: number];
  /** How many samples in a row were under the current level's exit. */
  readonly under: number;
}

/** Where every resource begins. */
export const CALM: PressureState = { level: 'normal', over: [0, 0, 0], under: 0 };

/**
 * One sample further. A level is raised by several samples in a row and left under a lower value than it was entered at,
 * so that neither one stalled loop (one late sample, however long the stall) nor a value on the border moves it.
 */
export function nextPressure(
  state: PressureState,
  value: number,
  config: PressureConfig,
): PressureState {
  // No evidence is no change: a reading that failed must not calm an alarm.
  if (!Number.isFinite(value)) return state;

  const { enter } = config;
  const count = (index: 0 | 1 | 2, entry: number) => (value >= entry ? state.over[index] + 1 : 0);
  const over = [count(0, enter.elevated), count(1, enter.high), count(2, enter.critical)] as const;

  const proven = over.findLastIndex((samples) => samples >= config.raiseAfter) + 1;
  const current = severity(state.level);
  if (proven > current) return { level: at(proven), over, under: 0 };

  if (state.level === 'normal') return { level: 'normal', over, under: 0 };
  const under = value < enter[state.level] - config.margin ? state.under + 1 : 0;
  if (under < config.lowerAfter) return { level: state.level, over, under };
  return { level: at(current - 1), over, under: 0 };
}

function at(index: number): PressureLevel {
  return PRESSURE_LEVELS[index] ?? 'normal';
}

/** Memory over the target is `high`; half of what is left over it is `critical`. */
export function memoryPressureConfig(target: number): PressureConfig {
  return {
    enter: { elevated: target * 0.875, high: target, critical: target + (1 - target) / 2 },
    margin: 0.05,
    // RSS does not jitter as CPU does, and a container is killed within seconds.
    raiseAfter: 2,
    lowerAfter: 5,
  };
}

/** CPU is sustained when three samples in a row say so. */
export function cpuPressureConfig(target: number): PressureConfig {
  return {
    enter: {
      elevated: target * 0.85,
      high: target,
      critical: target + ((1 - target) * 2) / 3,
    },
    margin: 0.05,
    raiseAfter: 3,
    lowerAfter: 5,
  };
}
