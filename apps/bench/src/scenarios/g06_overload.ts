import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario, Subject } from '../scenario/scenario.ts';
import { type Door, fynloDoor, noDoor, underPressureDoor } from '../subjects/overload_doors.ts';

const OVERLOAD = 3;
const TASK_MS = 2;
/** An answer later than this is of no use to who asked. */
const IN_TIME_MS = 500;

export const overload: Scenario = {
  id: 'G6',
  name: 'overload',
  group: 'guard',
  question: 'How much useful work is done when three times as much comes in as can be done?',
  target: '>= 0.95 of capacity (under-pressure at its default 0.12)',
  needs: [],
  takes: ['duration', 'warmup'],
  params: { callers: 1, connections: 1, warmupMs: 3000, durationMs: 5000 },
  rounds: 5,
  criteria: [{ metric: 'goodputRatio', subject: 'fynlo', op: '>=', bound: 0.95 }],
  subjects: [fynloDoor, underPressureDoor, noDoor].map(subject),
};

function subject({
  name,
  settings,
  open,
}: {
  readonly name: string;
  readonly settings: string;
  open(oldestAgeMs: () => number): Promise<Door>;
}): Subject {
  return {
    name,
    settings,
    async round({ params }) {
      const queue: number[] = [];
      const door = await open(() => (queue[0] === undefined ? 0 : performance.now() - queue[0]));
      const capacityBefore = await capacity();
      // A service that has been calm until now.
      await sleep(params.warmupMs);
      const { inTime, late, refused } = await serve(
        queue,
        door,
        OVERLOAD * capacityBefore,
        params.durationMs,
      );
      await door.close();
      // What the machine gives may change meanwhile.
      const perSecond = (capacityBefore + (await capacity())) / 2;
      const done = inTime / (params.durationMs / 1000);
      return {
        metrics: { goodputRatio: done / perSecond, opsPerSecond: done },
        details: { capacityPerSecond: perSecond, inTime, late, refused },
      };
    },
  };
}

/** Tasks a second that this thread does when it does nothing else. */
async function capacity(): Promise<number> {
  const begun = performance.now();
  let tasks = 0;
  while (performance.now() - begun < 700) {
    burn();
    tasks++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return (tasks / (performance.now() - begun)) * 1000;
}

/** An open loop before one worker: arrivals in even steps, each let in or refused when the loop gets to it. */
async function serve(
  queue: number[],
  door: Door,
  ratePerSecond: number,
  durationMs: number,
): Promise<{ inTime: number; late: number; refused: number }> {
  const counts = { inTime: 0, late: 0, refused: 0 };
  const begun = performance.now();
  let arrived = 0;
  for (;;) {
    const elapsed = performance.now() - begun;
    if (elapsed >= durationMs) break;
    while (arrived < (elapsed / 1000) * ratePerSecond) {
      const at = begun + (++arrived / ratePerSecond) * 1000;
      if (door.admits()) queue.push(at);
      else counts.refused++;
    }
    const at = queue.shift();
    if (at !== undefined) {
      burn();
      if (performance.now() - at <= IN_TIME_MS) counts.inTime++;
      else counts.late++;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  queue.length = 0;
  return counts;
}

function burn(): void {
  const end = performance.now() + TASK_MS;
  while (performance.now() < end);
}
