import type { MicroSuite } from './micro_suite.ts';

const SIZE = 10;

/** Counting is what the pool knows of itself and decides by; there is no option against it, only this way to see what it costs. */
async function poolCase(counts: boolean) {
  const { DynamicConnectionPoolManager } = await import('@fynlo/pool-core/manager');
  let made = 0;
  const manager = new DynamicConnectionPoolManager<{ id: number }>({
    factory: { create: () => ({ id: ++made }), destroy: () => {} },
    minConnections: SIZE,
    maxConnections: SIZE,
  });
  await manager.start();
  const { pool } = manager;
  if (!counts) {
    const nothing = () => {};
    const { meter } = pool;
    meter.granted = nothing;
    meter.returned = nothing;
    meter.leaseBegan = nothing;
    meter.leaseEnded = nothing;
  }
  return {
    run(): number {
      const entry = pool.tryAcquire();
      if (entry === undefined) return 0;
      void pool.release(entry, entry.leaseId);
      return 1;
    },
    check: (sum: number, runs: number) =>
      sum === runs && (counts ? manager.stats().releases >= runs : manager.stats().releases === 0),
  };
}

export const acquireReleaseSuite: MicroSuite = {
  name: 'acquire-release',
  question:
    'What does the mechanism add to taking a connection off a stack and putting it back, and how much of it is counting?',
  cases: [
    { name: 'pool-core ResourcePool', make: () => poolCase(true) },
    { name: 'the same, counting nothing', make: () => poolCase(false) },
    {
      name: 'array pop and push',
      async make() {
        const stack = Array.from({ length: SIZE }, (_, id) => ({ id }));
        return {
          run(): number {
            const item = stack.pop();
            if (item === undefined) return 0;
            stack.push(item);
            return 1;
          },
          check: (sum, runs) => sum === runs && stack.length === SIZE,
        };
      },
    },
  ],
};
