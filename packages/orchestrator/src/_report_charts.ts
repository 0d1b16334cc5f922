import { alignSeries, logBars, percentileCurve, type ReportChart } from './_report_chart.ts';
import type { MetricsHistoryReport } from './history_recorder.ts';
import type { OptimizationRun } from './optimization_run.ts';
import { SCENARIOS } from './scenario.ts';

type Column = readonly (number | null)[];

/** The charts a run has data for, in the order of the page. */
export function reportCharts(run: OptimizationRun, history: MetricsHistoryReport): ReportChart[] {
  return [
    ...timelines(run, history),
    ...percentiles(run),
    ...distributions(run),
    ...warmUp(run),
    ...resources(run, history),
    ...recoveries(run),
  ].filter((chart) => (chart.data[0]?.length ?? 0) > 1);
}

/** Rows of one scenario, and their time in seconds since its first one. */
function rowsOf(
  history: MetricsHistoryReport['pool'],
  scenario: number | undefined,
): { pick(name: string): Column; seconds: number[]; origin: number } {
  const at = history.columns['timestamp'] ?? [];
  const of = history.columns['scenario'] ?? [];
  const rows = at.flatMap((_, i) => (scenario === undefined || of[i] === scenario ? [i] : []));
  const origin = at[rows[0] ?? 0] ?? 0;
  return {
    pick: (name) => rows.map((i) => history.columns[name]?.[i] ?? null),
    seconds: rows.map((i) => ((at[i] ?? origin) - origin) / 1000),
    origin,
  };
}

function timelines(run: OptimizationRun, history: MetricsHistoryReport): ReportChart[] {
  const { scaling } = run.scenarios;
  const { pick, seconds, origin } = rowsOf(history.pool, SCENARIOS.indexOf('scaling'));
  // Growth by one connection at a time would paint the chart full.
  const marks = (scaling?.scalingEvents ?? [])
    .filter((event) => Math.abs(event.to - event.from) >= Math.max(2, event.from * 0.1))
    .map((event) => ({
      x: (event.at - origin) / 1000,
      label: `${event.from} → ${event.to} ${event.reason}`,
    }));
  const time = { label: 'seconds' };
  return [
    {
      id: 'pool-size',
      title: 'Pool size and load',
      caption:
        'The size follows the leased connections with room to spare; the server counts the same. Vertical lines: decisions of the pool.',
      x: time,
      y: { label: 'connections' },
      kind: 'lines',
      series: [
        { label: 'size', step: true },
        { label: 'counted by the server', step: true },
        { label: 'leased' },
        { label: 'waiting' },
      ],
      data: [
        seconds,
        pick('totalConnections'),
        pick('serverConnections'),
        pick('activeConnections'),
        pick('waitingAcquires'),
      ],
      marks,
      limits: [],
    },
    {
      id: 'offered-load',
      title: 'Offered load',
      caption: 'Sessions a second that the schedule asks for, whatever the pool does.',
      x: time,
      y: { label: 'sessions a second' },
      kind: 'lines',
      series: [{ label: 'offered', step: true }],
      data: [seconds, pick('offeredPerSecond')],
      marks: [],
      limits: [],
    },
    {
      id: 'response-time',
      title: 'Response time over time',
      caption: 'p95 of each sample interval, growth and warm-up included.',
      x: time,
      y: { label: 'ms', log: true },
      kind: 'lines',
      series: [{ label: 'p95' }],
      data: [seconds, pick('responseP95Ms')],
      marks: [],
      limits: (scaling?.levels ?? []).map(({ level }) => ({
        y: level.responseP95Ms,
        label: `${level.name} < ${level.responseP95Ms} ms`,
      })),
    },
  ];
}

function percentiles({ scenarios }: OptimizationRun): ReportChart[] {
  const curves = (scenarios.scaling?.levels ?? []).map(({ level, distribution }) => ({
    level,
    ...percentileCurve(distribution),
  }));
  return [
    {
      id: 'percentiles',
      title: 'Response time by percentile',
      caption: 'x is "one in so many responses is slower": 20 is the p95, 100 the p99.',
      x: { label: 'one in', log: true },
      y: { label: 'ms', log: true },
      kind: 'lines',
      series: curves.map(({ level }) => ({ label: level.name })),
      data: alignSeries(curves.map(({ oneIn, ms }) => ({ x: oneIn, y: ms }))),
      marks: [{ x: 20, label: 'p95' }],
      limits: curves.map(({ level }) => ({
        y: level.responseP95Ms,
        label: `${level.name} < ${level.responseP95Ms} ms`,
      })),
    },
  ];
}

function distributions({ scenarios }: OptimizationRun): ReportChart[] {
  return (scenarios.scaling?.levels ?? []).map(({ level, distribution }) => {
    const { upToMs, share } = logBars(distribution);
    return {
      id: `distribution-${level.name}`,
      title: `Distribution of the response time, ${level.name} load`,
      caption: 'Share of the responses in each bar; the line is the threshold of the p95.',
      x: { label: 'ms', log: true },
      y: { label: '% of the responses' },
      kind: 'bars' as const,
      series: [{ label: 'share' }],
      data: [upToMs, share],
      marks: [{ x: level.responseP95Ms, label: `${level.responseP95Ms} ms` }],
      limits: [],
    };
  });
}

function warmUp({ scenarios }: OptimizationRun): ReportChart[] {
  const workload = scenarios.cache?.workload;
  if (!workload) return [];
  return [
    {
      id: 'hit-ratio',
      title: 'Cache hit ratio over time',
      caption: 'From a cold start; each point is a slice of its own, not the sum so far.',
      x: { label: 'seconds' },
      y: { label: '%' },
      kind: 'lines',
      series: [{ label: 'hit ratio' }],
      data: [
        workload.warmUp.map((slice) => slice.atMs / 1000),
        workload.warmUp.map((slice) => 100 * slice.hitRatio),
      ],
      marks: [],
      limits: [
        { y: 95, label: 'wanted over the whole' },
        { y: 100 * workload.achievableHitRatio, label: 'ceiling over the whole' },
      ],
    },
  ];
}

function resources(run: OptimizationRun, history: MetricsHistoryReport): ReportChart[] {
  const pool = rowsOf(history.pool, undefined);
  const cores = run.environment.cores;
  const own = rowsOf(history.resources, undefined);
  const x = { label: 'seconds since the run began' };
  return [
    {
      id: 'memory',
      title: 'Memory of the process',
      caption: 'Resident set over the whole run; scenario 2 makes a burst of garbage twice.',
      x,
      y: { label: 'MiB' },
      kind: 'lines',
      series: [{ label: 'RSS' }],
      data: [pool.seconds, pool.pick('memoryUsageMb')],
      marks: [],
      limits: [],
    },
    {
      id: 'cpu',
      title: 'CPU of the process',
      caption: 'Percent of the available cores; the criterion is the mean of each load phase.',
      x,
      y: { label: '%' },
      kind: 'lines',
      series: [{ label: 'CPU' }],
      data: [
        pool.seconds,
        pool.pick('cpuUsagePercent').map((value) => (value === null ? null : value / cores)),
      ],
      marks: [],
      limits: [{ y: 70, label: '70 %' }],
    },
    {
      id: 'gc',
      title: 'Garbage collection pauses',
      caption: '99th percentile of the last samples, where the optimizer was measuring.',
      x: { label: 'seconds since the first sample' },
      y: { label: 'ms' },
      kind: 'lines',
      series: [{ label: 'pause p99' }],
      data: [own.seconds, own.pick('gcCollectionTime')],
      marks: [],
      limits: [{ y: 10, label: '10 ms' }],
    },
  ];
}

function recoveries({ scenarios }: OptimizationRun): ReportChart[] {
  const episodes = [
    ['restart', 'Recovery: server killed and restarted', scenarios.recovery?.restart],
    ['cut', 'Recovery: connections silently cut', scenarios.recovery?.cut],
  ] as const;
  return episodes.flatMap(([id, title, episode]) => {
    if (!episode) return [];
    const back = episode.toSteadyMs === null ? [] : [episode.outageMs + episode.toSteadyMs];
    return [
      {
        id: `recovery-${id}`,
        title,
        caption: 'Answers in each quarter of a second around the fault at 0.',
        x: { label: 'seconds since the fault' },
        y: { label: 'in 250 ms' },
        kind: 'lines' as const,
        series: [
          { label: 'successes', step: true },
          { label: 'failures', step: true },
          { label: 'pool size', step: true },
        ],
        data: [
          episode.timeline.map((moment) => moment.atMs / 1000),
          episode.timeline.map((moment) => moment.successes),
          episode.timeline.map((moment) => moment.failures),
          episode.timeline.map((moment) => moment.poolSize),
        ],
        marks: [
          { x: 0, label: 'fault' },
          { x: episode.outageMs / 1000, label: 'service possible again' },
          ...back.map((ms) => ({ x: ms / 1000, label: 'steady again' })),
        ],
        limits: [{ y: episode.steadyPerSecond / 4, label: 'steady rate' }],
      },
    ];
  });
}
