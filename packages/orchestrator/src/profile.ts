export type ProfileName = 'quick' | 'ci' | 'full';

/** One load level of the scaling scenario. The peak makes the pool grow; the steady load after it is judged. */
export interface ScalingLevel {
  readonly name: 'low' | 'medium' | 'high';
  /** Pool size allowed while judged. */
  readonly connections: readonly [number, number];
  /** Percent of the connections leased while judged. */
  readonly utilization: readonly [number, number];
  readonly responseP95Ms: number;
  /** Sessions open at the same time that the peak aims at; arrivals are this ÷ the time a session holds. */
  readonly peakSessions: number;
  readonly steadySessions: number;
  readonly rampMs: number;
  readonly peakMs: number;
  readonly settleMs: number;
  readonly measureMs: number;
  /** Bounds of a user's think time inside the transaction. */
  readonly thinkMs: readonly [number, number];
  /** Set where the level is smaller than the brief's: its criteria are shown and decide nothing. */
  readonly reducedTo?: string;
}

export interface ScalingProfile {
  readonly minConnections: number;
  readonly maxConnections: number;
  readonly levels: readonly ScalingLevel[];
  /** How long the pool may take to come back to the minimum once the load is off. */
  readonly shrinkDeadlineMs: number;
  /** The pool's own windows, shortened so that a run of minutes shows both directions; stated in the results. */
  readonly idleTimeoutMs: number;
  readonly tuning: {
    readonly shrinkWindowTicks: number;
    readonly shrinkAfterGrowthMs: number;
    readonly shrinkPerTick: number;
  };
  /** Set when the whole range 10 → 500 → 10 is not covered. */
  readonly reducedTo?: string;
}

export interface ResourceProfile {
  /** Set where the load ends before the optimizer can have learned from it: reuse is shown, and decides nothing. */
  readonly fewWaves?: string;
  /** Set where the load is too small or too short to judge by; shown, and decides nothing. */
  readonly reducedTo?: string;
  readonly phaseMs: number;
  readonly ratePerSecond: number;
  readonly rowsPerRequest: number;
  /** Garbage made and dropped before each phase, as an import or a report would leave behind. */
  readonly burstMb: number;
  readonly maxConnections: number;
}

export interface CacheProfile {
  /** Set where the workload is too small to judge hit ratio and response time by. */
  readonly reducedTo?: string;
  readonly keys: number;
  /** Reads a second after the ramp. */
  readonly requestsPerSecond: number;
  readonly rampMs: number;
  readonly steadyMs: number;
  readonly zipfExponent: number;
  readonly valueBytes: number;
  /** Share of the keys that fit into the in-process level. */
  readonly localShare: number;
  /** Keys invalidated, in batches of `invalidationBatch`. */
  readonly invalidations: number;
  readonly invalidationBatch: number;
}

export interface MemoryProfile {
  readonly healthyMs: number;
  readonly healthyRatePerSecond: number;
  readonly droppedLeases: number;
  readonly droppedInTransaction: number;
  readonly heldLeases: number;
  readonly droppedObjects: number;
  readonly growthMb: number;
  /** The guard looks into leases held longer than this; 30 s by default, shortened so that it happens in time. */
  readonly thresholdMs: number;
}

export interface RecoveryProfile {
  readonly ratePerSecond: number;
  readonly steadyMs: number;
  readonly downMs: number;
  readonly watchMs: number;
  readonly maxConnections: number;
}

export interface Profile {
  readonly name: ProfileName;
  readonly scaling: ScalingProfile;
  readonly resources: ResourceProfile;
  readonly cache: CacheProfile;
  readonly memory: MemoryProfile;
  readonly recovery: RecoveryProfile;
  readonly tableRows: number;
}

/** Connections besides the pool's: observer, setup, loaders, the fresh ones that recovery opens. */
export const SPARE_CONNECTIONS = 12;

const LOW: ScalingLevel = {
  name: 'low',
  connections: [10, 50],
  utilization: [20, 40],
  responseP95Ms: 1,
  peakSessions: 20,
  steadySessions: 9,
  rampMs: 2_000,
  peakMs: 4_000,
  settleMs: 1_500,
  measureMs: 8_000,
  thinkMs: [60, 140],
};

const MEDIUM: ScalingLevel = {
  name: 'medium',
  connections: [50, 200],
  utilization: [40, 70],
  responseP95Ms: 2,
  peakSessions: 96,
  steadySessions: 80,
  rampMs: 3_000,
  peakMs: 5_000,
  settleMs: 2_000,
  measureMs: 9_000,
  thinkMs: [300, 700],
};

const HIGH: ScalingLevel = {
  name: 'high',
  connections: [200, 500],
  utilization: [70, 90],
  responseP95Ms: 5,
  peakSessions: 418,
  steadySessions: 410,
  rampMs: 5_000,
  peakMs: 5_000,
  settleMs: 1_000,
  measureMs: 12_000,
  thinkMs: [700, 1_300],
};

const FULL: Profile = {
  name: 'full',
  scaling: {
    minConnections: 10,
    maxConnections: 500,
    levels: [LOW, MEDIUM, HIGH],
    shrinkDeadlineMs: 60_000,
    idleTimeoutMs: 8_000,
    tuning: { shrinkWindowTicks: 5, shrinkAfterGrowthMs: 8_000, shrinkPerTick: 0.15 },
  },
  resources: {
    phaseMs: 13_500,
    ratePerSecond: 150,
    rowsPerRequest: 40,
    burstMb: 300,
    maxConnections: 100,
  },
  cache: {
    keys: 8_000,
    requestsPerSecond: 20_000,
    rampMs: 6_000,
    steadyMs: 10_000,
    zipfExponent: 0.99,
    valueBytes: 512,
    localShare: 0.25,
    invalidations: 20_000,
    invalidationBatch: 500,
  },
  memory: {
    healthyMs: 5_000,
    healthyRatePerSecond: 300,
    droppedLeases: 8,
    droppedInTransaction: 4,
    heldLeases: 4,
    droppedObjects: 50,
    growthMb: 120,
    thresholdMs: 1_000,
  },
  recovery: {
    ratePerSecond: 200,
    steadyMs: 2_500,
    downMs: 2_000,
    watchMs: 7_000,
    maxConnections: 20,
  },
  tableRows: 20_000,
};

const CI_LIMIT = 'the ci profile stops at 200 connections; the full profile goes to 500';

const CI: Profile = {
  ...FULL,
  name: 'ci',
  scaling: {
    ...FULL.scaling,
    maxConnections: 200,
    levels: [
      { ...LOW, rampMs: 1_000, peakMs: 4_000, measureMs: 6_000 },
      { ...MEDIUM, rampMs: 2_000, peakMs: 5_000, settleMs: 1_500, measureMs: 6_000 },
    ],
    shrinkDeadlineMs: 35_000,
    idleTimeoutMs: 6_000,
    tuning: { shrinkWindowTicks: 4, shrinkAfterGrowthMs: 4_000, shrinkPerTick: 0.2 },
    reducedTo: CI_LIMIT,
  },
  resources: {
    ...FULL.resources,
    phaseMs: 7_500,
    fewWaves: "the optimizer learns the pool's minimum over eight waves; the ci profile has five",
  },
  cache: { ...FULL.cache, keys: 5_000, rampMs: 4_000, steadyMs: 6_000, invalidations: 10_000 },
  memory: { ...FULL.memory, healthyMs: 3_000, growthMb: 60 },
  recovery: { ...FULL.recovery, steadyMs: 1_500, downMs: 1_000 },
};

const QUICK_LIMIT = 'the quick profile runs at a tenth of the load; the full profile judges this';

const QUICK: Profile = {
  ...CI,
  name: 'quick',
  scaling: {
    minConnections: 4,
    maxConnections: 50,
    levels: [
      {
        ...LOW,
        connections: [4, 12],
        peakSessions: 6,
        steadySessions: 2.5,
        rampMs: 200,
        peakMs: 1_500,
        settleMs: 300,
        measureMs: 1_200,
        thinkMs: [50, 150],
        reducedTo: QUICK_LIMIT,
      },
      {
        ...MEDIUM,
        connections: [8, 50],
        peakSessions: 20,
        steadySessions: 15,
        rampMs: 300,
        peakMs: 2_000,
        settleMs: 400,
        measureMs: 1_500,
        thinkMs: [60, 140],
        reducedTo: QUICK_LIMIT,
      },
    ],
    shrinkDeadlineMs: 8_000,
    idleTimeoutMs: 1_200,
    tuning: { shrinkWindowTicks: 2, shrinkAfterGrowthMs: 1_000, shrinkPerTick: 0.5 },
    reducedTo: QUICK_LIMIT,
  },
  resources: {
    ...CI.resources,
    reducedTo: QUICK_LIMIT,
    phaseMs: 2_000,
    ratePerSecond: 100,
    burstMb: 60,
    maxConnections: 45,
  },
  cache: {
    ...CI.cache,
    reducedTo: QUICK_LIMIT,
    keys: 500,
    requestsPerSecond: 10_000,
    rampMs: 1_000,
    steadyMs: 1_500,
    invalidations: 2_000,
  },
  memory: {
    ...CI.memory,
    healthyMs: 800,
    healthyRatePerSecond: 150,
    droppedLeases: 3,
    droppedInTransaction: 1,
    heldLeases: 2,
    droppedObjects: 10,
    growthMb: 20,
    thresholdMs: 400,
  },
  recovery: {
    ratePerSecond: 100,
    steadyMs: 800,
    downMs: 500,
    watchMs: 5_500,
    maxConnections: 20,
  },
  tableRows: 2_000,
};

/**
 * The scales of a run. `full`: the brief's numbers, about three and a half minutes. `ci`: up to 200 connections, about
 * a minute and a half. `quick`: a tenth of the load, half a minute; what needs the full scale is skipped, never passed.
 */
export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  full: FULL,
  ci: CI,
  quick: QUICK,
};
