import { performance } from 'node:perf_hooks';

/** Lets requests in, or refuses them. */
export interface Door {
  admits(): boolean;
  close(): Promise<void>;
}

/** A way to shed load. */
export interface DoorKind {
  readonly name: string;
  readonly settings: string;
  /** @param oldestAgeMs how long the first in the service's queue has waited */
  open(oldestAgeMs: () => number): Promise<Door>;
}

export const fynloDoor: DoorKind = {
  name: 'fynlo',
  settings: 'ResourceUsageOptimizer.admit(), its defaults, the queue attached',
  async open(oldestAgeMs) {
    const { OverloadedError, ResourceUsageOptimizer } = await import('@fynlo/resource-optimizer');
    const optimizer = new ResourceUsageOptimizer();
    optimizer.attachQueue({ name: 'tasks', oldestAgeMs });
    optimizer.start();
    return {
      admits() {
        try {
          optimizer.admit();
          return true;
        } catch (error) {
          if (error instanceof OverloadedError) return false;
          throw error;
        }
      },
      close: () => optimizer.stop(),
    };
  },
};

/** Its documentation's value. */
const MAX_UTILIZATION = 0.98;
const SAMPLE_MS = 1000;

/**
 * `@fastify/under-pressure` 9: utilisation is read once a second, against the reading made at registration unless its
 * newer option asks for the interval's (fastify/under-pressure#294, #298). Without fastify around it.
 */
export const underPressureDoor: DoorKind = {
  name: 'under-pressure',
  settings: `@fastify/under-pressure's rule: maxEventLoopUtilization ${MAX_UTILIZATION} since start, every ${SAMPLE_MS} ms`,
  async open() {
    const start = performance.eventLoopUtilization();
    let utilization = 0;
    const sampling = setInterval(() => {
      utilization = performance.eventLoopUtilization(start).utilization;
    }, SAMPLE_MS);
    sampling.unref();
    return {
      admits: () => utilization <= MAX_UTILIZATION,
      close: async () => clearInterval(sampling),
    };
  },
};

export const noDoor: DoorKind = {
  name: 'none',
  settings: 'everything is let in',
  open: async () => ({ admits: () => true, close: async () => {} }),
};
