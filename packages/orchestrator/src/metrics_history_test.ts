import { describe, expect, it } from 'vitest';
import { MetricsHistory } from './metrics_history.ts';

describe('MetricsHistory', () => {
  it('gives back what was added, by column', () => {
    const history = new MetricsHistory(['timestamp', 'size'], 100);
    history.add({ timestamp: 1, size: 10 });
    history.add({ timestamp: 2, size: null });
    expect(history.columns()).toEqual({
      samplesPerRow: 1,
      columns: { timestamp: [1, 2], size: [10, null] },
    });
  });

  it('never exceeds its limit, covers the whole run, and keeps even spacing', () => {
    const history = new MetricsHistory(['timestamp'], 64);
    for (let at = 0; at < 10_000; at++) {
      history.add({ timestamp: at });
      expect(history.length).toBeLessThanOrEqual(64);
    }
    const { samplesPerRow, columns } = history.columns();
    const times = columns['timestamp'] as number[];
    expect(times[0]).toBe(0);
    expect(times.at(-1)).toBeGreaterThan(10_000 - 2 * samplesPerRow);
    const gaps = new Set(times.slice(1).map((at, i) => at - (times[i] ?? 0)));
    expect([...gaps]).toEqual([samplesPerRow]);
  });
});
