import {
  bool,
  count,
  type JsonSchema,
  list,
  number,
  orNull,
  record,
  ref,
  TIMESTAMP,
  text,
} from './_json_schema.ts';

const VERDICT: JsonSchema = {
  type: 'string',
  enum: ['pass', 'fail', 'inconclusive', 'skipped'],
  description:
    'Computed from the measurement. inconclusive: the machine was saturated or too little was measured; skipped: does not apply to this run; reason says which.',
};

const SCENARIO: JsonSchema = {
  type: 'string',
  enum: ['scaling', 'resources', 'cache', 'memory', 'recovery'],
  description: 'Which scenario it belongs to.',
};

const NUMBER_PAIR: JsonSchema = {
  type: 'array',
  prefixItems: [{ type: 'number' }, { type: 'number' }],
  minItems: 2,
  maxItems: 2,
  description: 'Lower and upper end, both included.',
};

const CRITERION: JsonSchema = record('A demand, what was measured, and what follows.', {
  id: text('Stable, kebab-case.'),
  scenario: SCENARIO,
  metric: text('What was measured.'),
  statistic: text('Which number of the distribution decides, e.g. p95.'),
  op: { type: 'string', enum: ['<', '<=', '>', '>=', '=', 'within'] },
  threshold: { anyOf: [{ type: 'number' }, NUMBER_PAIR] },
  unit: text('Of threshold, measured and ci95.'),
  measured: orNull(number('null: nothing could be measured.')),
  samples: number('How many measurements stand behind it.', { minimum: 0 }),
  ci95: orNull(NUMBER_PAIR),
  verdict: VERDICT,
  reason: text('Why this verdict, with the numbers.'),
});

const LATENCY: JsonSchema = record(
  'A distribution of durations, all in ms with microsecond resolution; 0 while count is 0.',
  {
    count: count('Values recorded.'),
    mean: number('ms'),
    stddev: number('ms'),
    min: number('ms'),
    p50: number('ms'),
    p90: number('ms'),
    p95: number('ms'),
    p99: number('ms'),
    p999: number('99.9th percentile, ms'),
    max: number('ms'),
  },
);

const RANGE: JsonSchema = record('Of samples taken in a fixed rhythm.', {
  min: number('Smallest.'),
  mean: number('Mean.'),
  max: number('Largest.'),
});

const POOL_METRICS: JsonSchema = record(
  'ConnectionPoolMetrics: the pool at one moment, as it says itself.',
  {
    timestamp: TIMESTAMP,
    active_connections: count('Leased connections.'),
    idle_connections: count('Open and free.'),
    total_connections: count('In any state.'),
    pool_utilization: number('Leased share of the usable connections, 0..1.', { minimum: 0 }),
    connection_wait_time: number('Mean wait of the acquires since the previous sample, ms.', {
      minimum: 0,
    }),
    memory_usage_mb: number('Resident set of the process, MiB.', { minimum: 0 }),
    cpu_usage_percent: number(
      'CPU of the process since the previous sample, percent of one core.',
      { minimum: 0 },
    ),
  },
);

const RESOURCE_METRICS: JsonSchema = record(
  'ResourceOptimizationMetrics: the process at one moment.',
  {
    timestamp: TIMESTAMP,
    memory_efficiency: number('Free share of the memory limit, 0..1.'),
    cpu_utilization: number('CPU of the process as a share of the available cores, 0..1.'),
    network_efficiency: orNull(
      number('Acquires ÷ (acquires + connects), 0..1; null without either.'),
    ),
    cache_hit_ratio: orNull(number('Hit ratio of the attached caches, 0..1; null without one.')),
    gc_collection_time: number('Pause of one collection, 99th percentile of the last samples, ms.'),
    connection_reuse_ratio: orNull(number('1 − connects ÷ acquires, 0..1; null without acquires.')),
  },
);

const SCALING_EVENT: JsonSchema = record('A decision of the pool about its size.', {
  at: TIMESTAMP,
  from: number('Size (or ceiling) before.'),
  to: number('Size (or ceiling) wanted after.'),
  reason: text('Why, e.g. waiters, utilization-high, idle.'),
  inputs: {
    type: 'object',
    additionalProperties: { type: 'number' },
    description: 'The numbers the decision was made from.',
  },
});

const EVIDENCE: JsonSchema = record('The machine while something was measured.', {
  cpu_percent: number('Busy share of all cores, percent.'),
  steal_percent: orNull(
    number('Taken by the hypervisor, percent; null where the system does not tell.'),
  ),
  throttled_percent: orNull(
    number('Held still by a CPU quota, percent of the time; null without one.'),
  ),
  cpu_wait_percent: orNull(
    number(
      'Of the time the main thread wanted a CPU, the share it waited for one, percent; null where unknown.',
    ),
  ),
  own_cpu_percent: number('CPU of this process, percent of the whole machine.'),
  wake_delay_p95_ms: orNull(
    number('How late the host woke a sleeping thread, p95 in ms; null where no load was paced.'),
  ),
});

const LOAD: JsonSchema = record(
  'An open loop of requests: offered at their own time, whether or not earlier ones were answered.',
  {
    offered: count('Requests due.'),
    completed: count('Answered.'),
    failed: count('Ended with an error.'),
    dropped: count('Not started, because too many were in flight.'),
    unfinished: count('Without an end when the drain time was over.'),
    peak_in_flight: count('Most at once.'),
    took_ms: number('ms'),
    lag: ref('latency'),
    host_lag: ref('latency'),
    errors: {
      type: 'object',
      additionalProperties: { type: 'integer' },
      description: 'Failures by code.',
    },
  },
);

const USAGE: JsonSchema = record('What this process used.', {
  wall_ms: number('ms'),
  cpu_percent_of_one_core: number('CPU time ÷ wall time, percent.'),
  rss_start_mb: number('MiB'),
  rss_peak_mb: number('MiB'),
  rss_end_mb: number('MiB'),
  heap_used_peak_mb: number('MiB'),
  event_loop_utilization: number('Share of the time in which the event loop was not idle, 0..1.'),
  event_loop_delay_p99_ms: number('ms'),
  event_loop_delay_max_ms: number('ms'),
  gc: record('Every garbage collection.', {
    collections: count('How many.'),
    pause: ref('latency'),
    total_ms: number('ms'),
    by_kind: {
      type: 'object',
      additionalProperties: { type: 'integer' },
      description: 'Count by kind.',
    },
  }),
});

const ENVIRONMENT: JsonSchema = record('Where the numbers come from.', {
  node: text('Version of Node.js.'),
  platform: text('Operating system and architecture.'),
  cpu_model: text('As the system names it.'),
  cores: number('Cores this process may use.'),
  cores_source: text('Who says so.'),
  memory_bytes: number('Memory this process may use.'),
  memory_source: text('Who says so.'),
  load_per_core_before: number('One-minute load average ÷ cores when the run began.'),
  packages: { type: 'object', additionalProperties: { type: 'string' }, description: 'Versions.' },
  postgres: record('The server.', {
    address: text('Protocol, host, port, database; never user or password.'),
    version: text('server_version'),
    max_connections: count('As configured.'),
    free_connections: number('Usable by the run when it began.'),
    shared_buffers: text('As configured.'),
    fsync: text('As configured: off means that commits do not wait for the disk.'),
    synchronous_commit: text('As configured.'),
  }),
  redis: record('The server.', {
    address: text('Protocol, host, port.'),
    version: text('redis_version'),
    maxmemory: text('As configured.'),
    maxmemory_policy: text('As configured.'),
  }),
  facts: {
    type: 'object',
    description: 'What the caller knows of the servers.',
    additionalProperties: true,
  },
  warnings: list({ type: 'string' }, 'What a reader should know.'),
});

/** Definitions used by more than one file. */
export const SHARED: Readonly<Record<string, JsonSchema>> = {
  verdict: VERDICT,
  scenario: SCENARIO,
  criterion: CRITERION,
  latency: LATENCY,
  range: RANGE,
  connection_pool_metrics: POOL_METRICS,
  resource_optimization_metrics: RESOURCE_METRICS,
  scaling_event: SCALING_EVENT,
  evidence: EVIDENCE,
  load: LOAD,
  usage: USAGE,
  environment: ENVIRONMENT,
};

/** The first properties of each file. */
export const HEAD: Readonly<Record<string, JsonSchema>> = {
  $schema: text('The schema of this file, relative to it.'),
  schema_version: {
    const: 1,
    description: 'Raised when a field changes its meaning or goes away.',
  },
};

/** The head of a file that belongs to one run. */
export const RUN_HEAD: Readonly<Record<string, JsonSchema>> = {
  ...HEAD,
  profile: { type: 'string', enum: ['quick', 'ci', 'full'], description: 'The scale of the run.' },
  seed: count('Repeats arrivals, keys and think times.'),
  partial: bool('The run was cut short.'),
  partial_reason: orNull(text('By what.')),
  environment: ref('environment'),
  criteria: list(ref('criterion'), 'Of the scenarios that were finished.'),
  verdict: ref('verdict'),
};
