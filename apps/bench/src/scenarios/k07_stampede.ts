import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from '../scenario/scenario.ts';
import { cacheSubjects, VALUE } from '../subjects/bench_cache.ts';
import { serializingBentocache } from '../subjects/bentocache_cache.ts';
import { fynloCache } from '../subjects/fynlo_cache.ts';
import { freshNamespace } from './cache_load.ts';

const NODES = 4;
const CALLERS_PER_NODE = 250;
const LOADER_MS = 50;

export const stampede: Scenario = {
  id: 'K7',
  name: 'stampede',
  group: 'cache',
  question: 'How often does the loader run when 4 nodes x 250 callers want one cold key?',
  target: '1 run (a single flight per process gives 4)',
  needs: ['redis'],
  takes: [],
  params: { callers: NODES * CALLERS_PER_NODE, connections: 1, warmupMs: 0, durationMs: 0 },
  roundMs: () => 1400,
  rounds: 5,
  criteria: [{ metric: 'loads', subject: 'fynlo', op: '==', bound: 1 }],
  subjects: cacheSubjects([fynloCache, serializingBentocache], async (open, { redisUrl, seed }) => {
    const options = { redisUrl, local: true, namespace: freshNamespace(seed) };
    const nodes = await Promise.all(Array.from({ length: NODES }, () => open(options)));
    let loads = 0;
    const loader = async (): Promise<typeof VALUE> => {
      loads++;
      await sleep(LOADER_MS);
      return VALUE;
    };
    const begun = performance.now();
    const answers = await Promise.all(
      nodes.flatMap((node) =>
        Array.from({ length: CALLERS_PER_NODE }, () => node.getOrSet('cold', loader)),
      ),
    );
    const totalMs = performance.now() - begun;
    if (answers.some(({ n }) => n !== VALUE.n)) throw new Error('a caller got a wrong value');
    await Promise.all(nodes.map((node) => node.close()));
    return { metrics: { loads, totalMs } };
  }),
};
