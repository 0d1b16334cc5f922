import { describe, expect, it } from 'vitest';
import type { Evidence } from './_evidence.ts';
import { seeded } from './_simulation_fixture.ts';
import {
  correlationOf,
  isFalling,
  NO_TREND,
  type Trend,
  withJudgement,
} from './_throughput_trend.ts';
import { DEFAULT_TUNING } from './tuning_options.ts';

function through(pairs: readonly (readonly [leased: number, rate: number])[]): Trend {
  return pairs.reduce((trend, [leased, rate]) => {
    const evidence: Evidence = {
      leased,
      rate,
      size: leased,
      holdMs: (leased / rate) * 1_000,
      limited: true,
    };
    return withJudgement(trend, evidence, DEFAULT_TUNING);
  }, NO_TREND);
}

const forty = (at: (i: number) => [number, number]) => Array.from({ length: 40 }, (_, i) => at(i));

describe('the trend of throughput over size', () => {
  it.each<[string, (i: number) => [number, number], boolean]>([
    ['more connections, less work', (i) => [20 + i, 5_000 - 60 * i], true],
    ['more connections, more work', (i) => [20 + i, 1_000 + 40 * i], false],
    ['fewer connections, less work: a load that goes', (i) => [60 - i, 6_000 - 60 * i], false],
    ['a constant size, whatever the work', (i) => [20, 5_000 - 60 * i], false],
    ['a constant work, whatever the size', (i) => [20 + i, 5_000], false],
    ['less work by less than a growth has to buy', (i) => [20 + i, 5_000 - 5 * i], false],
  ])('%s', (_, at, falling) => {
    expect(isFalling(through(forty(at)), DEFAULT_TUNING)).toBe(falling);
  });

  it('says nothing before half of its memory is full', () => {
    const pairs = forty((i) => [20 + i, 5_000 - 60 * i]);
    expect(isFalling(through(pairs.slice(0, 24)), DEFAULT_TUNING)).toBe(false);
    expect(isFalling(through(pairs.slice(0, 25)), DEFAULT_TUNING)).toBe(true);
  });

  it('is the textbook correlation while its memory is not full', () => {
    expect(
      correlationOf(
        through([
          [1, 3],
          [2, 2],
          [3, 1],
        ]),
      ),
    ).toBeCloseTo(-1, 10);
    expect(
      correlationOf(
        through([
          [1, 1],
          [2, 3],
          [3, 2],
        ]),
      ),
    ).toBeCloseTo(0.5, 10);
    expect(correlationOf(NO_TREND)).toBe(0);
  });

  it('forgets: fifty judgements of the opposite outweigh a hundred before', () => {
    const rising = Array.from({ length: 100 }, (_, i): [number, number] => [
      20 + (i % 20),
      1_000 + 50 * (i % 20),
    ]);
    const falling = Array.from({ length: 100 }, (_, i): [number, number] => [
      20 + (i % 20),
      2_000 - 50 * (i % 20),
    ]);
    expect(isFalling(through([...rising, ...falling]), DEFAULT_TUNING)).toBe(true);
  });

  it('is not fooled by chance more than once in a thousand', () => {
    const random = seeded(11);
    let fooled = 0;
    for (let run = 0; run < 1_000; run++) {
      const pairs = Array.from({ length: 50 }, (): [number, number] => [
        20 + 4 * random(),
        5_000 * (0.8 + 0.4 * random()),
      ]);
      if (isFalling(through(pairs), DEFAULT_TUNING)) fooled++;
    }
    expect(fooled, 'seed 11').toBeLessThanOrEqual(1);
  });
});
