import { seededRandom } from '@fynlo/orchestrator/measurement';
import type { Scenario } from '../scenario/scenario.ts';
import { fynloGuard, growthRule, HEAP_LIMIT_MB } from '../subjects/memory_judges.ts';
import { CLASSES, INTERVAL_MS, type Kind, memorySeries } from './guard_memory_series.ts';

const SERIES_A_CLASS = 40;
const MINUTES = 120;
const HOUR = 3_600_000 / INTERVAL_MS;

export const heapVerdict: Scenario = {
  id: 'G5',
  name: 'heap-verdict',
  group: 'guard',
  question: 'Is growing memory called a leak when it is one, and only then?',
  target: '0 alarms on healthy series; >= 0.85 of the leaks within an hour, >= 0.95 within two',
  needs: [],
  takes: [],
  params: { callers: SERIES_A_CLASS, connections: 1, warmupMs: 0, durationMs: 0 },
  limitMs: 300_000,
  roundMs: () => 27_000,
  rounds: 5,
  tableRounds: 1,
  criteria: [
    { metric: 'falseAlarms', subject: 'fynlo', op: '==', bound: 0 },
    { metric: 'recallInOneHour', subject: 'fynlo', op: '>=', bound: 0.85 },
    { metric: 'recallInTwoHours', subject: 'fynlo', op: '>=', bound: 0.95 },
  ],
  // So that the limits the guard reads are above those of the series, on a machine of any size.
  nodeFlags: ['--expose-gc', `--max-old-space-size=${HEAP_LIMIT_MB}`],
  subjects: [fynloGuard, growthRule].map(({ name, settings, judge }) => ({
    name,
    settings: `${settings}; ${SERIES_A_CLASS} simulated series of each class, ${MINUTES} min at ${INTERVAL_MS / 1000} s`,
    async round({ seed }) {
      const series = allSeries(seed);
      const calledAt = await judge(series.map(({ samples }) => samples));
      const count = { healthy: 0, leaking: 0, alarms: 0, hour: 0, twoHours: 0 };
      const alarmsByClass: Record<string, number> = {};
      for (const [i, { kind, name }] of series.entries()) {
        const at = calledAt[i];
        const label = `${kind}: ${name}`;
        alarmsByClass[label] = (alarmsByClass[label] ?? 0) + (at === undefined ? 0 : 1);
        if (kind === 'unregistered cache') continue;
        count[kind]++;
        if (at === undefined) continue;
        if (kind === 'healthy') count.alarms++;
        else {
          count.twoHours++;
          if (at < HOUR) count.hour++;
        }
      }
      return {
        metrics: {
          falseAlarms: count.alarms,
          recallInOneHour: count.hour / count.leaking,
          recallInTwoHours: count.twoHours / count.leaking,
        },
        details: {
          healthySeries: count.healthy,
          leakingSeries: count.leaking,
          falseAlarmShare: count.alarms / count.healthy,
          alarmsByClass,
        },
      };
    },
  })),
};

/** The same for every subject of a round. */
function allSeries(seed: number) {
  return Object.entries(CLASSES).flatMap(([kind, classes], k) =>
    Object.entries(classes).flatMap(([name, make], c) =>
      Array.from({ length: SERIES_A_CLASS }, (_, i) => ({
        kind: kind as Kind,
        name,
        samples: memorySeries(
          make,
          seededRandom(seed * 1_000_003 + k * 10_007 + c * 101 + i),
          MINUTES,
        ),
      })),
    ),
  );
}
