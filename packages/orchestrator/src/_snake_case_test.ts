import { describe, expect, it } from 'vitest';
import { snakeCaseKey, toSnakeCase } from './_snake_case.ts';

describe('toSnakeCase()', () => {
  it.each([
    ['activeConnections', 'active_connections'],
    ['cpuUsagePercent', 'cpu_usage_percent'],
    ['p95Ms', 'p95_ms'],
    ['ci95', 'ci95'],
    ['gcCollectionTime', 'gc_collection_time'],
    ['timestamp', 'timestamp'],
    ['idle-timeout', 'idle-timeout'],
    ['$schema', '$schema'],
    ['ERR_POOL_CLOSED', 'ERR_POOL_CLOSED'],
  ])('writes %s as %s', (camel, snake) => {
    expect(snakeCaseKey(camel)).toBe(snake);
  });

  it('reaches every level, arrays included, and leaves values alone', () => {
    expect(
      toSnakeCase({ scalingEvents: [{ waitMs: 1, reason: 'utilizationHigh' }], none: null }),
    ).toEqual({
      scaling_events: [{ wait_ms: 1, reason: 'utilizationHigh' }],
      none: null,
    });
  });
});
