import {
  count,
  DIALECT,
  type JsonSchema,
  list,
  number,
  orNull,
  record,
  text,
} from './_json_schema.ts';
import { HEAD } from './_shared_schemas.ts';

function series(description: string, columns: Record<string, string>): JsonSchema {
  return record(
    `${description} Columnar: columns.x[i] belongs to columns.timestamp[i]; all columns are of the same length.`,
    {
      samples_per_row: count(
        '1, or how many samples each row stands for once the series was thinned out.',
      ),
      columns: record(
        'One array for each metric; null where it could not be read.',
        Object.fromEntries(
          Object.entries(columns).map(([name, meaning]) => [
            name,
            list(orNull(number(meaning)), meaning),
          ]),
        ),
      ),
    },
  );
}

/** JSON Schema of `connection_pool_metrics_history.json`. */
export const HISTORY_SCHEMA: JsonSchema = {
  $schema: DIALECT,
  $id: 'urn:fynlo:orchestrator:history:1',
  title: 'Connection pool optimization: metrics history',
  ...record('Pool and resources over the time of the run.', {
    ...HEAD,
    interval_ms: number('Time between two samples, ms.'),
    scenarios: list(text('A scenario.'), 'The column scenario is an index into this.'),
    pool: series('ConnectionPoolMetrics, and what stands beside them.', {
      timestamp: 'Milliseconds since the Unix epoch.',
      scenario: 'Index into scenarios.',
      active_connections: 'Leased connections.',
      idle_connections: 'Open and free.',
      total_connections: 'In any state.',
      pool_utilization: 'Leased share of the usable connections, 0..1.',
      connection_wait_time: 'Mean wait of the acquires since the previous sample, ms.',
      memory_usage_mb: 'Resident set of the process, MiB.',
      cpu_usage_percent: 'CPU of the process since the previous sample, percent of one core.',
      connecting_connections: 'Being opened.',
      waiting_acquires: 'Acquires that wait for a connection.',
      server_connections: 'Connections of this pool as PostgreSQL counts them (pg_stat_activity).',
      offered_per_second: 'Rate of requests the load wants at this moment.',
      response_p95_ms: '95th percentile of the responses since the previous sample, ms.',
    }),
    resources: series('ResourceOptimizationMetrics.', {
      timestamp: 'Milliseconds since the Unix epoch.',
      scenario: 'Index into scenarios.',
      memory_efficiency: 'Free share of the memory limit, 0..1.',
      cpu_utilization: 'CPU of the process as a share of the available cores, 0..1.',
      network_efficiency: 'Acquires ÷ (acquires + connects), 0..1.',
      cache_hit_ratio: 'Hit ratio of the attached caches, 0..1.',
      gc_collection_time: 'Pause of one collection, 99th percentile of the last samples, ms.',
      connection_reuse_ratio: '1 − connects ÷ acquires, 0..1.',
    }),
  }),
};
