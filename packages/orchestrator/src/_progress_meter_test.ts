import { describe, expect, it } from 'vitest';
import { ProgressMeter } from './_progress_meter.ts';
import type { ProgressEvent } from './progress.ts';

describe('ProgressMeter', () => {
  it('goes from 0 to 100 over the scenarios chosen, and never back', () => {
    const events: ProgressEvent[] = [];
    const meter = new ProgressMeter(
      (event) => events.push(event),
      ['cache', 'memory'],
      () => null,
    );
    meter.tell('initialize', null, 0, '');
    meter.tell('run', 'cache', 0.5, '');
    meter.tell('run', 'cache', 0.2, '');
    meter.tell('run', 'memory', 0.5, '');
    meter.tell('report', null, 1, '');
    const percents = events.map(({ percent }) => percent);
    expect(percents[0]).toBe(0);
    expect(percents.at(-1)).toBe(100);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(percents[1]).toBe(30);
  });

  it('outlives a listener that throws', () => {
    const meter = new ProgressMeter(
      () => {
        throw new Error('display broke');
      },
      ['cache'],
      () => null,
    );
    expect(() => meter.tell('run', 'cache', 0, '')).not.toThrow();
  });
});
