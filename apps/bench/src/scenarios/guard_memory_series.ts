import type { Random } from '@fynlo/orchestrator/measurement';

/** What one interval of a process looks like to who watches its memory, MiB. */
export interface MemorySample {
  /** Heap left after a major collection. */
  readonly floorMb: number;
  readonly offHeapMb: number;
  /** Garbage on top of the floor at the moment of looking. */
  readonly garbageMb: number;
  /** Work done in the interval, in any unit. */
  readonly load: number;
  /** What a registered cache says it holds; part of the floor. */
  readonly cacheMb: number;
}

/** A process, by the second. */
type Process = (second: number) => Partial<MemorySample> & { readonly floorMb: number };

export const INTERVAL_MS = 30_000;

/** The chances of one series. */
class Dice {
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.random();
  }

  /** About normal: the sum of twelve. */
  noise(): number {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += this.random();
    return sum;
  }

  /** 80 to 200 MiB more for a minute and a half, a tenth of the time. */
  bursts(): () => number {
    let left = 0;
    return () => {
      if (left <= 0 && this.random() < 0.03) left = 3;
      left--;
      return left > 0 ? this.between(80, 200) : 0;
    };
  }

  /** A quarter of a day's wave in an hour, of any phase. */
  wave(): (second: number) => number {
    const phase = this.between(0, 2 * Math.PI);
    return (second) => 1.2 + Math.sin(phase + (second / 3600) * (Math.PI / 2));
  }
}

export type Kind = 'healthy' | 'leaking' | 'unregistered cache';

/** The processes that are judged. The last kind is a cache nobody told of: for an hour it looks as a leak does. */
export const CLASSES: Readonly<Record<Kind, Readonly<Record<string, (dice: Dice) => Process>>>> = {
  healthy: {
    'flat with noise': (dice) => {
      const base = dice.between(40, 400);
      const spread = dice.between(0.5, 5);
      return () => ({ floorMb: base + spread * dice.noise() });
    },
    'large sawtooth': (dice) => {
      const base = dice.between(40, 200);
      const spread = dice.between(1, 4);
      return () => ({ floorMb: base + spread * dice.noise(), garbageMb: dice.between(0, 250) });
    },
    'warm-up': (dice) => {
      const base = dice.between(40, 100);
      const gain = dice.between(60, 300);
      const tau = dice.between(120, 400);
      return (t) => ({
        floorMb: base + gain * (1 - Math.exp(-t / tau)) + dice.noise() * dice.between(0.5, 2),
      });
    },
    'full after 20 min': (dice) => {
      const base = dice.between(50, 100);
      const gain = dice.between(60, 200);
      const full = dice.between(300, 1200);
      return (t) => ({ floorMb: base + gain * Math.min(1, t / full) + dice.noise() });
    },
    'registered cache, full after 55 min': (dice) => {
      const base = dice.between(50, 100);
      const gain = dice.between(60, 200);
      const full = dice.between(1800, 3300);
      return (t) => {
        const cache = gain * Math.min(1, t / full);
        return { floorMb: base + cache + dice.noise(), cacheMb: cache * dice.between(0.9, 1.1) };
      };
    },
    bursts: (dice) => {
      const base = dice.between(50, 150);
      const burst = dice.bursts();
      return () => ({ floorMb: base + burst() + dice.noise() * 2 });
    },
    'daily wave': (dice) => {
      const base = dice.between(60, 150);
      const gain = dice.between(20, 80);
      const load = dice.wave();
      return (t) => ({
        floorMb: base + gain * load(t) + dice.noise() * 2,
        load: load(t) * (1 + 0.05 * dice.noise()),
      });
    },
    'mean-reverting walk': (dice) => {
      const base = dice.between(80, 200);
      const pull = dice.between(0.1, 0.4);
      const spread = dice.between(2, 6);
      let x = 0;
      return () => {
        x += -pull * x + spread * dice.noise();
        return { floorMb: base + x };
      };
    },
  },
  leaking: {
    '1 MB/s': (dice) => {
      const base = dice.between(50, 150);
      const rate = dice.between(0.8, 1.2);
      return (t) => ({
        floorMb: base + rate * t + dice.noise() * 3,
        garbageMb: dice.between(0, 80),
      });
    },
    '1 MB/min': (dice) => {
      const base = dice.between(50, 150);
      const rate = dice.between(0.8, 1.2) / 60;
      return (t) => ({
        floorMb: base + rate * t + dice.noise() * 1.5,
        garbageMb: dice.between(0, 80),
      });
    },
    '5 MB/min under bursts': (dice) => {
      const base = dice.between(50, 150);
      const rate = dice.between(4, 6) / 60;
      const burst = dice.bursts();
      return (t) => ({ floorMb: base + rate * t + burst() + dice.noise() * 2 });
    },
    '10 MB/min off the heap': (dice) => {
      const base = dice.between(50, 150);
      const rate = dice.between(8, 12) / 60;
      return (t) => ({
        floorMb: base + dice.noise() * 2,
        offHeapMb: 5 + rate * t + dice.noise(),
      });
    },
    '3 MB/min while the load swings': (dice) => {
      const base = dice.between(60, 150);
      const gain = dice.between(20, 80);
      const load = dice.wave();
      const rate = dice.between(2, 4) / 60;
      return (t) => ({
        floorMb: base + rate * t + gain * load(t) + dice.noise() * 2,
        load: load(t) * (1 + 0.05 * dice.noise()),
      });
    },
    'stairs of 20 MB each 4 min': (dice) => {
      const base = dice.between(50, 150);
      const period = dice.between(180, 300);
      return (t) => ({ floorMb: base + 20 * Math.floor(t / period) + dice.noise() * 2 });
    },
  },
  'unregistered cache': {
    'full after 55 min': (dice) => {
      const base = dice.between(50, 100);
      const gain = dice.between(60, 200);
      const full = dice.between(1800, 3300);
      return (t) => ({ floorMb: base + gain * Math.min(1, t / full) + dice.noise() });
    },
  },
};

/** One process watched for so many minutes. */
export function memorySeries(
  make: (dice: Dice) => Process,
  random: Random,
  minutes: number,
): MemorySample[] {
  const dice = new Dice(random);
  const at = make(dice);
  return Array.from({ length: (minutes * 60_000) / INTERVAL_MS }, (_, i) => ({
    offHeapMb: 5,
    cacheMb: 0,
    garbageMb: dice.between(0, 40),
    load: 1 + 0.1 * dice.noise(),
    ...at((i * INTERVAL_MS) / 1000),
  }));
}
