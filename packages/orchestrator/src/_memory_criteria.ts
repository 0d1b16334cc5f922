import { type Criterion, type CriterionDefinition, judge } from './criterion.ts';
import type { MemoryManagementResult } from './memory_result.ts';

const scenario = 'memory';

/** The criteria of scenario 4: every injected leak is found, named and stopped, and nothing else is. */
export function memoryCriteria(result: MemoryManagementResult): Criterion[] {
  const { healthy, leases, objects, growth } = result;
  const share = (id: string, metric: string): CriterionDefinition => ({
    id,
    scenario,
    metric,
    statistic: 'ratio',
    op: '>=',
    threshold: 100,
    unit: '%',
    hostSensitive: false,
  });
  const none = (id: string, metric: string): CriterionDefinition => ({
    id,
    scenario,
    metric,
    statistic: 'count',
    op: '=',
    threshold: 0,
    unit: 'reports',
    hostSensitive: false,
  });
  const of = (part: number | undefined, whole: number | undefined) => ({
    measured: part === undefined || !whole ? null : (100 * part) / whole,
    samples: whole ?? 0,
  });
  return [
    judge(none('memory-false-alarms', 'reports of any kind under a healthy load'), {
      measured: healthy?.alarms.length ?? null,
      samples: healthy?.checkouts ?? 0,
      note: healthy === null ? undefined : `${healthy.checkouts} checkouts`,
    }),
    judge(share('memory-leaks-found', 'dropped leases found'), of(leases?.found, leases?.dropped)),
    judge(
      share('memory-leaks-named', 'dropped leases named by file and line'),
      of(leases?.named, leases?.dropped),
    ),
    judge(share('memory-leaks-stopped', 'connections of dropped leases given back to the pool'), {
      ...of(leases === null ? undefined : leases.dropped - leases.stillLost, leases?.dropped),
      note:
        leases === null
          ? undefined
          : `${(leases.tookMs / 1000).toFixed(1)} s after the drop; ${leases.locksFreed} of ${leases.droppedInTransaction} row locks free again`,
    }),
    judge(
      none(
        'memory-held-taken',
        'leases held on purpose that were called leaked or stopped working',
      ),
      {
        measured:
          leases === null ? null : leases.heldCalledLeaked + leases.held - leases.heldStillWorking,
        samples: leases?.held ?? 0,
      },
    ),
    judge(
      share('memory-objects-found', 'tracked objects dropped without close() found'),
      of(objects?.found, objects?.dropped),
    ),
    judge(
      {
        ...none('memory-growth-found', 'growth of memory called a leak, with its kind'),
        op: '=',
        threshold: 1,
        unit: 'verdicts',
      },
      {
        measured:
          growth === null
            ? null
            : Number(
                (growth.verdict === 'leak' || growth.verdict === 'growing') &&
                  growth.kind === 'heap',
              ),
        samples: growth?.points ?? 0,
        note: growth === null ? undefined : growthInWords(growth),
      },
    ),
  ];
}

type Growth = NonNullable<MemoryManagementResult['growth']>;

function growthInWords({ verdict, kind, growthMb, culprits: [first] }: Growth): string {
  const judged = kind === null ? verdict : `${verdict} (${kind})`;
  const culprit =
    first === undefined
      ? 'no culprit named'
      : `${(100 * first.share).toFixed(0)} % of what was allocated by ${first.functionName} at ${first.site}`;
  return `verdict ${judged}, ${growthMb.toFixed(0)} MiB in the window, ${culprit}`;
}
