/** What the pool and the server said at one moment. Times are ms on any one clock. */
export interface SizeSample {
  readonly at: number;
  readonly size: number;
  /** Connections the server counted; `null` when it could not be asked. */
  readonly serverConnections: number | null;
  readonly leased: number;
}

export interface ScalingQuality {
  readonly startSize: number;
  readonly peakSize: number;
  readonly peakServerConnections: number | null;
  readonly peakLeased: number;
  readonly endSize: number;
  readonly endServerConnections: number | null;
  /** From the first sample to the first at the peak size, ms. */
  readonly timeToPeakMs: number;
  /** Connections at the peak beyond those that were ever leased at the same time. */
  readonly overshoot: number;
}

/** How well a pool followed its load, from samples of both ends. */
export function scalingQuality(samples: readonly SizeSample[]): ScalingQuality | undefined {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const server = samples.flatMap((s) =>
    s.serverConnections === null ? [] : [s.serverConnections],
  );
  const peakSize = Math.max(...samples.map((s) => s.size));
  const peakLeased = Math.max(...samples.map((s) => s.leased));
  const peak = samples.find((s) => s.size === peakSize) ?? first;
  return {
    startSize: first.size,
    peakSize,
    peakServerConnections: server.length === 0 ? null : Math.max(...server),
    peakLeased,
    endSize: last.size,
    endServerConnections: server.at(-1) ?? null,
    timeToPeakMs: peak.at - first.at,
    overshoot: peakSize - peakLeased,
  };
}

/** How a pool followed one level of load, from its first arrival to its last. */
export interface LevelFollowing {
  /** From the first arrival until there were as many connections as were ever leased at once, ms. The ramp is part of it. */
  readonly timeToScaleMs: number;
  readonly peakSize: number;
  readonly peakLeased: number;
  /** The largest size beyond the most that were leased at once, and beyond what was there before. */
  readonly overshoot: number;
  readonly connects: number;
  /** Of these, beyond what the most leased at once needed. */
  readonly connectsWasted: number;
}

export function levelFollowing(
  samples: readonly (SizeSample & { readonly created: number })[],
): LevelFollowing | undefined {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const peakSize = Math.max(...samples.map((s) => s.size));
  const peakLeased = Math.max(...samples.map((s) => s.leased));
  const scaled = samples.find((s) => s.size >= peakLeased) ?? last;
  const connects = last.created - first.created;
  return {
    timeToScaleMs: scaled.at - first.at,
    peakSize,
    peakLeased,
    overshoot: peakSize - Math.max(peakLeased, first.size),
    connects,
    connectsWasted: Math.max(0, connects - Math.max(0, peakLeased - first.size)),
  };
}

/**
 * How often the size turned round (grew, then shrank, or the reverse) while the offered load was constant. Only turns
 * of more than `tolerance` connections count: a retired connection that is replaced is no decision about size.
 */
export function directionChanges(sizes: readonly number[], tolerance: number): number {
  let turns = 0;
  let direction = 0;
  let extreme = sizes[0] ?? 0;
  for (const size of sizes) {
    if (direction >= 0 && size > extreme) extreme = size;
    else if (direction <= 0 && size < extreme) extreme = size;
    const moved = size - extreme;
    if (direction === 0) {
      const fromStart = size - (sizes[0] ?? 0);
      if (Math.abs(fromStart) > tolerance) {
        direction = Math.sign(fromStart);
        extreme = size;
      }
    } else if (direction * moved < 0 && Math.abs(moved) > tolerance) {
      direction = -direction;
      extreme = size;
      turns++;
    }
  }
  return turns;
}

/** ms from `from` to the first sample at or below `size`; `undefined` when it never got there. */
export function timeToShrink(
  samples: readonly SizeSample[],
  from: number,
  size: number,
): number | undefined {
  const reached = samples.find((s) => s.at >= from && s.size <= size);
  return reached === undefined ? undefined : reached.at - from;
}
