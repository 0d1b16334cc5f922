import type { MicroSuite } from './micro_suite.ts';

const SIZE = 10;

export const acquireReleaseSuite: MicroSuite = {
  name: 'acquire-release',
  question: 'What does the mechanism add to taking a connection off a stack and putting it back?',
  cases: [
    {
      name: 'pool-core ResourcePool',
      async make() {
        const { DynamicConnectionPoolManager } = await import('@fynlo/pool-core/manager');
        let made = 0;
        const manager = new DynamicConnectionPoolManager<{ id: number }>({
          factory: { create: () => ({ id: ++made }), destroy: () => {} },
          minConnections: SIZE,
          maxConnections: SIZE,
        });
        await manager.start();
        const { pool } = manager;
        return {
          run(): number {
            const entry = pool.tryAcquire();
            if (entry === undefined) return 0;
            void pool.release(entry, entry.leaseId);
            return 1;
          },
          check: (sum, runs) => sum === runs && manager.stats().releases >= runs,
        };
      },
    },
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
