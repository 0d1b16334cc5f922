/** What the harness knows of every number a round may report. */
export interface MetricInfo {
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly meaning: string;
  /** A count or a size that does not depend on how fast the host is. */
  readonly exact?: true;
}

const metrics = {
  opsPerSecond: { unit: '/s', better: 'higher', meaning: 'operations completed per second' },
  throughputRatio: {
    unit: '',
    better: 'higher',
    meaning: 'answers / those due at the rate before',
  },
  goodputRatio: { unit: '', better: 'higher', meaning: 'useful answers / capacity' },
  p50Ms: { unit: 'ms', better: 'lower', meaning: 'median response time, from the intended start' },
  p95Ms: { unit: 'ms', better: 'lower', meaning: '95th percentile response time' },
  p99Ms: { unit: 'ms', better: 'lower', meaning: '99th percentile response time' },
  maxMs: { unit: 'ms', better: 'lower', meaning: 'longest response time' },
  serviceP50Ms: { unit: 'ms', better: 'lower', meaning: 'median time from the actual start' },
  lagP99Ms: { unit: 'ms', better: 'lower', meaning: '99th percentile of the schedule lag' },
  openP50Ms: { unit: 'ms', better: 'lower', meaning: 'median response time at a given rate' },
  openP99Ms: {
    unit: 'ms',
    better: 'lower',
    meaning: '99th percentile response time at a given rate',
  },
  openLagP99Ms: {
    unit: 'ms',
    better: 'lower',
    meaning: '99th percentile of the schedule lag at a given rate',
  },
  openOpsPerSecond: {
    unit: '/s',
    better: 'higher',
    meaning: 'operations completed per second at a given rate',
  },
  waitP50Ms: { unit: 'ms', better: 'lower', meaning: 'median wait for a connection' },
  waitP99Ms: { unit: 'ms', better: 'lower', meaning: '99th percentile wait for a connection' },
  useP50Ms: { unit: 'ms', better: 'lower', meaning: 'median time a connection was held' },
  createP50Ms: { unit: 'ms', better: 'lower', meaning: 'median time to connect' },
  totalMs: { unit: 'ms', better: 'lower', meaning: 'time until the last operation was done' },
  shrinkMs: { unit: 'ms', better: 'lower', meaning: 'time until the size was back' },
  latenessMs: { unit: 'ms', better: 'lower', meaning: 'first answer after the server was back' },
  recoveryMs: { unit: 'ms', better: 'lower', meaning: 'time until served again' },
  cpuMicrosPerOp: { unit: 'us', better: 'lower', meaning: 'client CPU per operation' },
  cpuRatio: { unit: 'x', better: 'lower', meaning: 'client CPU per operation / that without' },
  cpuMicrosPerQueuedOp: {
    unit: 'us',
    better: 'lower',
    meaning: 'client CPU per operation with 10,000 queued',
  },
  cpuPercent: { unit: '%', better: 'lower', meaning: 'client CPU, of one core' },
  bytesPerOp: {
    unit: 'B',
    better: 'lower',
    meaning: 'heap seen to be allocated per operation (lower bound)',
  },
  rssPeakMb: { unit: 'MiB', better: 'lower', meaning: 'peak resident set of the client' },
  rssRiseMb: { unit: 'MiB', better: 'lower', meaning: 'peak resident set over that at the start' },
  rssAfterMb: { unit: 'MiB', better: 'lower', meaning: 'resident set at the end' },
  connectionsOpened: { unit: '', better: 'lower', meaning: 'connects the client made' },
  serverConnectionsPeak: { unit: '', better: 'lower', meaning: 'most backends the server counted' },
  serverOthersPeak: { unit: '', better: 'lower', meaning: 'most backends of others on the server' },
  connectionsAfter: { unit: '', better: 'lower', meaning: 'connections open at the end' },
  sizeRatio: { unit: '', better: 'lower', meaning: 'most connections since the fault / before it' },
  settledSize: { unit: '', better: 'lower', meaning: 'connections open while measured, mean' },
  connectionsUsed: { unit: '', better: 'lower', meaning: 'connections in use, time-weighted mean' },
  errors: { unit: '', better: 'lower', meaning: 'operations that failed' },
  hung: { unit: '', better: 'lower', meaning: 'callers never answered' },
  hitRatio: { unit: '', better: 'higher', meaning: 'hits / requests', exact: true },
  pointsUnderLru: {
    unit: 'points',
    better: 'lower',
    meaning: 'hit ratio below that of LRU, worst row',
    exact: true,
  },
  loads: { unit: '', better: 'lower', meaning: 'runs of the loader' },
  falseAlarms: { unit: '', better: 'lower', meaning: 'alarms about a healthy load', exact: true },
  recall: { unit: '', better: 'higher', meaning: 'leaks found / leaks injected', exact: true },
  recallInOneHour: {
    unit: '',
    better: 'higher',
    meaning: 'leaks found within an hour / all',
    exact: true,
  },
  recallInTwoHours: {
    unit: '',
    better: 'higher',
    meaning: 'leaks found within two hours / all',
    exact: true,
  },
  reclaimedRatio: { unit: '', better: 'higher', meaning: 'connections served again / leaked' },
  busyCpuPercent: { unit: '%', better: 'lower', meaning: 'CPU added to a process that is busy' },
  idleCpuPercent: { unit: '%', better: 'lower', meaning: 'CPU of an idle process, of one core' },
  stallMs: { unit: 'ms', better: 'lower', meaning: 'longest stop of the event loop' },
  stallAt50Ms: { unit: 'ms', better: 'lower', meaning: 'longest stop at 50 MB of live heap' },
  stallAt500Ms: { unit: 'ms', better: 'lower', meaning: 'longest stop at 500 MB of live heap' },
  countedRatio: { unit: '', better: 'higher', meaning: 'events counted / events there were' },
  firstLineMs: { unit: 'ms', better: 'lower', meaning: 'time until the first line of progress' },
  seconds: { unit: 's', better: 'lower', meaning: 'duration of a whole command' },
  bytes: { unit: 'B', better: 'lower', meaning: 'size', exact: true },
  budgetShare: { unit: '', better: 'lower', meaning: 'size / what it may be', exact: true },
  dependencies: { unit: '', better: 'lower', meaning: 'runtime dependencies', exact: true },
  directionChanges: { unit: '', better: 'lower', meaning: 'changes of scaling direction' },
} as const satisfies Record<string, MetricInfo>;

export type MetricName = keyof typeof metrics;

/**
 * The numbers a round may report, by name. A scenario that needs another adds it above: a result, a threshold or a
 * comparison with a name that is not listed is refused, so a misspelt one cannot pass silently.
 */
export const METRICS: Readonly<Record<MetricName, MetricInfo>> = metrics;

export type Metrics = Readonly<Partial<Record<MetricName, number>>>;

export function isMetricName(name: string): name is MetricName {
  return Object.hasOwn(METRICS, name);
}
