import type { Scenario } from '../scenario/scenario.ts';
import { fynloGuardOnFynlo, fynloGuardOnPg, hikariRule } from '../subjects/lease_watchers.ts';
import { healthyAcquires } from './guard_healthy_load.ts';
import { LEAK_FORMS, leakAll, makeLockedRow } from './guard_leaks.ts';

const LEASES_A_FORM = 16;
const ACQUIRES = 1_000_000;

export const leakedLeases: Scenario = {
  id: 'G3',
  name: 'leaked-leases',
  group: 'guard',
  question: 'Are leaked checkouts taken back, and is a healthy one ever called leaked?',
  target: '>= 99 % served again, 0 false reports in 1M healthy acquires',
  needs: ['postgres'],
  takes: ['callers', 'connections'],
  params: { callers: 64, connections: LEASES_A_FORM, warmupMs: 0, durationMs: 0 },
  limitMs: 180_000,
  roundMs: () => 25_000,
  rounds: 5,
  tableRounds: 2,
  criteria: [fynloGuardOnPg, fynloGuardOnFynlo].flatMap(({ name }) => [
    { metric: 'reclaimedRatio', subject: name, op: '>=', bound: 0.99 } as const,
    { metric: 'falseAlarms', subject: name, op: '==', bound: 0 } as const,
  ]),
  setup: makeLockedRow,
  subjects: [fynloGuardOnPg, fynloGuardOnFynlo, hikariRule].map((kind) => ({
    name: kind.name,
    settings: kind.settings,
    async round({ databaseUrl, params }) {
      const outcomes: Record<string, { served: number; told: number }> = {};
      for (const form of LEAK_FORMS) {
        const watched = await kind.open({ connectionString: databaseUrl, max: params.connections });
        outcomes[form.name] = await leakAll(watched, form, params.connections, kind.patienceMs);
        await watched.close();
      }
      const healthy = await healthyAcquires(kind, params.callers, ACQUIRES);
      const all = Object.values(outcomes);
      const leaked = all.length * params.connections;
      const served = all.reduce((sum, outcome) => sum + outcome.served, 0);
      return {
        metrics: {
          reclaimedRatio: served / leaked,
          falseAlarms: healthy.alarms,
          opsPerSecond: healthy.perSecond,
        },
        details: { leaked, forms: outcomes, longHolds: healthy.longHolds },
      };
    },
  })),
};
