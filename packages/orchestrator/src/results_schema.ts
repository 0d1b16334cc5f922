import {
  bool,
  count,
  DIALECT,
  type JsonSchema,
  list,
  number,
  orNull,
  record,
  ref,
  TIMESTAMP,
  text,
} from './_json_schema.ts';
import { RUN_HEAD, SHARED } from './_shared_schemas.ts';

const FRAME = {
  name: ref('scenario'),
  started_at: TIMESTAMP,
  took_ms: number('ms'),
  partial: bool('Cut short: its criteria are not judged.'),
};
const SETTINGS: JsonSchema = {
  type: 'object',
  description:
    'What was set for the scenario; differs from the defaults where the time of a run demands it.',
  additionalProperties: { type: ['number', 'string'] },
};
const BUCKETS = list(
  record('A bucket that was hit.', {
    up_to_ms: number('Upper edge, ms.'),
    count: count('Values in it.'),
  }),
  'The whole distribution.',
);

const LEVEL = record('One load level.', {
  level: {
    type: 'object',
    description: 'As wanted: sessions, think time, windows, thresholds.',
    additionalProperties: true,
  },
  offered_per_second: number('Sessions a second in the judged window.'),
  response: ref('latency'),
  response_p95_ci95: orNull({ type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 2 }),
  response_from_intended: ref('latency'),
  acquire_wait: ref('latency'),
  query: ref('latency'),
  held: ref('latency'),
  distribution: BUCKETS,
  load: ref('load'),
  attempted: count('Checkouts of the judged window.'),
  succeeded: count('Of these, those that ended well.'),
  utilization: orNull(ref('range')),
  size: orNull(ref('range')),
  server_connections: orNull(ref('range')),
  server_in_transaction: orNull(ref('range')),
  connects: count('In the judged window.'),
  acquires: count('In the judged window.'),
  direction_changes: count('Turns of the pool size in the judged window.'),
  following: orNull(
    record('How the pool followed the whole level, its ramp and its peak included.', {
      time_to_scale_ms: number(
        'From the first arrival until there were as many connections as were ever leased at once, ms; the ramp is part of it.',
      ),
      peak_size: count('Connections.'),
      peak_leased: count('Most leased at once.'),
      overshoot: count(
        'The largest size beyond the most leased at once and what was there before.',
      ),
      connects: count('Opened.'),
      connects_wasted: count('Of these, beyond what the most leased at once needed.'),
    }),
  ),
  usage: ref('usage'),
  evidence: ref('evidence'),
  metrics: ref('connection_pool_metrics'),
});

const SCALING = record(
  'Scenario 1. response: from asking for a connection to the answer of a one-row indexed select on it (BEGIN travels in the same message); response_from_intended: from the moment the schedule wanted it to start.',
  {
    ...FRAME,
    settings: SETTINGS,
    levels: list(ref('scaling_level'), 'In the order they ran.'),
    shrink: orNull(
      record('After the load.', {
        from_size: count('Connections.'),
        to_size: count('Connections.'),
        to_server_connections: orNull(count('As the server counts them.')),
        took_ms: orNull(
          number('Until the minimum was reached, ms; null: not within the deadline.'),
        ),
        deadline_ms: number('ms'),
      }),
    ),
    quality: orNull(
      record('How well the pool followed its load.', {
        start_size: count('Connections.'),
        peak_size: count('Connections.'),
        peak_server_connections: orNull(count('As the server counts them.')),
        peak_leased: count('Most leased at once.'),
        end_size: count('Connections.'),
        end_server_connections: orNull(count('As the server counts them.')),
        time_to_peak_ms: number('ms'),
        overshoot: number('Connections at the peak beyond those ever leased at once.'),
      }),
    ),
    scaling_events: list(ref('scaling_event'), 'Every decision about the size, in order.'),
    connects_wasted: count('Opened beyond the most ever leased at once.'),
    total_connects: count('Opened in all.'),
    explanation: text("The pool's own account of its last decisions."),
  },
);

const ACTION_REPORT = record('What an optimize… call did.', {
  target: text('memory, cpu, network or gc.'),
  at: TIMESTAMP,
  actions: list({ type: 'object', additionalProperties: true }, 'With readings before and after.'),
  advice: list(
    { type: 'object', additionalProperties: true },
    'What only people can do; had no effect.',
  ),
});

const RESOURCES = record('Scenario 2.', {
  ...FRAME,
  settings: SETTINGS,
  phases: list(
    record('The same offered load, without or with the optimizer.', {
      optimizer: { type: 'string', enum: ['without', 'with'] },
      offered_per_second: number('Requests a second, on average.'),
      load: ref('load'),
      response: ref('latency'),
      rss_after_burst_mb: number('Kept by the idle process after the burst, MiB.'),
      rss_peak_mb: number('MiB'),
      usage: ref('usage'),
      evidence: ref('evidence'),
      steady_acquires: count('In the last third.'),
      steady_connects: count('In the last third.'),
      steady_reuse: orNull(number('1 − connects ÷ acquires in the last third, 0..1.')),
      acquires: count('In all.'),
      connects: count('In all.'),
      reports: list(ACTION_REPORT, 'What the optimizer did; empty without it.'),
      not_admitted: count('Requests refused by admit().'),
      metrics: ref('resource_optimization_metrics'),
    }),
    'In the order they ran.',
  ),
  comparison: list(
    record('One metric, without and with.', {
      metric: text('What.'),
      unit: text('Of without and with.'),
      without: orNull(number('Without the optimizer.')),
      with: orNull(number('With the optimizer.')),
      ratio: orNull(number('with ÷ without.')),
    }),
    'Empty when a phase is missing.',
  ),
  node_options: orNull({
    type: 'object',
    description: 'Flags advised for this machine.',
    additionalProperties: true,
  }),
});

const CACHE = record('Scenario 3.', {
  ...FRAME,
  workload: orNull(
    record('Reads by Zipf-distributed keys from a cold start.', {
      keys: count('Different keys there are.'),
      zipf_exponent: number('Of the key popularity.'),
      value_bytes: count('Of the text of one value.'),
      max_local_bytes: count('Bound of the in-process level.'),
      offered: count('Reads.'),
      distinct_keys: count('Different keys asked for.'),
      hit_ratio: number('Cold start included, 0..1.', { minimum: 0, maximum: 1 }),
      achievable_hit_ratio: number('Of an unbounded cache on the same requests, 0..1.', {
        minimum: 0,
        maximum: 1,
      }),
      response: ref('latency'),
      response_from_intended: ref('latency'),
      distribution: BUCKETS,
      wrong_values: count('Answers with the value of another key.'),
      warm_up: list(
        record('A slice of time.', {
          at_ms: number('Since the load began, ms.'),
          requests: count('In the slice.'),
          hit_ratio: number('Of the slice, 0..1.'),
        }),
        'Hit ratio over time.',
      ),
      load: ref('load'),
      usage: ref('usage'),
      evidence: ref('evidence'),
      metrics: {
        type: 'object',
        description: "The cache's own counters.",
        additionalProperties: true,
      },
    }),
  ),
  invalidation: orNull(
    record('Keys invalidated while two caches hold them.', {
      keys: count('Keys.'),
      batch_keys: count('Keys in one call.'),
      took_ms: number('ms'),
      keys_per_second: number('keys ÷ time.'),
      stale_here: count('Old values given out afterwards by the cache that invalidated.'),
      stale_elsewhere: count('The same by the other cache, once it was coherent.'),
      coherent_after_ms: orNull(
        number(
          'Until the other cache gave out no old value of the last batch, ms; null: not within 5 s.',
        ),
      ),
    }),
  ),
  redis_tuning: orNull({
    type: 'object',
    description: 'Probes of this Redis with their evidence.',
    additionalProperties: true,
  }),
  invalidation_tuning: orNull({
    type: 'object',
    description: 'Probes with their evidence.',
    additionalProperties: true,
  }),
});

const MEMORY = record('Scenario 4.', {
  ...FRAME,
  settings: SETTINGS,
  healthy: orNull(
    record('A load without a leak.', {
      checkouts: count('Checkouts.'),
      failed: count('Checkouts.'),
      alarms: list(text('Which event.'), 'Each is a false one.'),
      verdict: text('About memory.'),
    }),
  ),
  leases: orNull(
    record('Leases dropped, and leases held on purpose.', {
      dropped: count('Leases.'),
      dropped_in_transaction: count('Of these.'),
      found: count('Leases.'),
      named: count('With file and line.'),
      reclaimed: count('Connections taken back.'),
      still_lost: number('Connections lost for good.'),
      took_ms: number('From the last drop to the last reclaim, ms.'),
      locks_freed: count('Row locks that others could take afterwards.'),
      held: count('Leases held on purpose.'),
      held_still_working: count('Of these.'),
      held_called_leaked: count('Of these.'),
      leaks: list({ type: 'object', additionalProperties: true }, 'As reported.'),
    }),
  ),
  objects: orNull(
    record('Tracked objects.', {
      dropped: count('Without close().'),
      found: count('Of these.'),
      closed: count('As they should be.'),
      lost: list({ type: 'object', additionalProperties: true }, 'As reported.'),
    }),
  ),
  growth: orNull(
    record('Memory that only grows.', {
      grown_mb: number('MiB'),
      verdict: text('Of the guard.'),
      kind: orNull(text('heap or off-heap.')),
      growth_mb: number('As the guard saw it, MiB.'),
      slope_mb_per_min: number('MiB a minute.'),
      points: count('Memory snapshots judged.'),
      p: number('Chance that noise alone looks like this.'),
      alarm_after_ms: orNull(number('ms; null: no alarm.')),
      culprits: list(
        { type: 'object', additionalProperties: true },
        'Functions behind the growth.',
      ),
      actions: list({ type: 'object', additionalProperties: true }, 'What was done about it.'),
    }),
  ),
  stats: orNull({
    type: 'object',
    description: "The guard's own numbers.",
    additionalProperties: true,
  }),
});

const EPISODE = record('One fault and what came after it.', {
  offered_per_second: number('Requests a second.'),
  steady_per_second: number('Successes a second before the fault.'),
  outage_ms: number('From the fault until service was possible again, ms.'),
  first_success_ms: orNull(number('From then to the first success, ms; null: none.')),
  to_steady_ms: orNull(number('From then to 90 % of the steady rate, kept up, ms; null: never.')),
  watched_ms: number('How long it was watched from then on, ms.'),
  errors: {
    type: 'object',
    additionalProperties: { type: 'integer' },
    description: 'What callers were told, by code.',
  },
  failed: count('Requests.'),
  unfinished: count('Requests without an answer at the end.'),
  connects: count('Connections opened.'),
  timeline: list(
    record('A quarter of a second.', {
      at_ms: number('Since the fault, ms; negative before it.'),
      successes: count('Requests.'),
      failures: count('Requests.'),
      pool_size: count('Connections.'),
    }),
    'In order.',
  ),
  evidence: ref('evidence'),
  explanation: text("The pool's own account."),
});

const RECOVERY = record('Auto-recovery.', {
  ...FRAME,
  restart: orNull(ref('episode')),
  cut: orNull(ref('episode')),
});

/** JSON Schema of `connection_pool_optimization_results.json`. */
export const RESULTS_SCHEMA: JsonSchema = {
  $schema: DIALECT,
  $id: 'urn:fynlo:orchestrator:results:1',
  title: 'Connection pool optimization: results',
  ...record('Everything that was measured.', {
    ...RUN_HEAD,
    started_at: TIMESTAMP,
    took_ms: number('ms'),
    scenarios: record('null: did not run.', {
      scaling: orNull(SCALING),
      resources: orNull(RESOURCES),
      cache: orNull(CACHE),
      memory: orNull(MEMORY),
      recovery: orNull(RECOVERY),
    }),
  }),
  $defs: { ...SHARED, scaling_level: LEVEL, episode: EPISODE },
};
