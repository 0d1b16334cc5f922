import { escapeHtml, htmlTable, scriptJson, shortNumber } from './_html_text.ts';
import type { ReportChart } from './_report_chart.ts';
import { reportCharts } from './_report_charts.ts';
import { PAGE_SCRIPT, PAGE_STYLE } from './_report_page.ts';
import { UPLOT_SCRIPT, UPLOT_STYLE } from './_uplot_asset.ts';
import { type Criterion, type Verdict, wanted } from './criterion.ts';
import type { EnvironmentReport } from './environment_report.ts';
import type { MetricsHistoryReport } from './history_recorder.ts';
import type { OptimizationReport } from './optimization_report.ts';
import type { OptimizationRun } from './optimization_run.ts';

/** What a report page is made of. */
export interface HtmlReportContents {
  readonly run: OptimizationRun;
  readonly report: OptimizationReport;
  readonly history: MetricsHistoryReport;
}

const MARKS: Readonly<Record<Verdict, string>> = {
  pass: '✓ pass',
  fail: '✗ fail',
  inconclusive: '? inconclusive',
  skipped: '– skipped',
};

/** Rows of a chart's table; a longer series is thinned out, and says so. */
const TABLE_ROWS = 48;

/**
 * One page, in one file, that asks the network for nothing: the verdicts first, then where they come from, then the
 * charts (each with its numbers as a table), the scaling decisions, and what follows from it all.
 */
export function renderHtmlReport({ run, report, history }: HtmlReportContents): string {
  const charts = reportCharts(run, history);
  const when = new Date(run.startedAt).toISOString();
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Connection pool optimization ${escapeHtml(when)}</title>
<style>${UPLOT_STYLE}${PAGE_STYLE}</style></head><body>
<h1>Connection pool optimization: <span class="${run.verdict}">${run.verdict}</span></h1>
<p class="dim">${escapeHtml(run.profile)} profile, ${escapeHtml(when)}, ${(run.tookMs / 1000).toFixed(0)} s, seed ${run.seed}${
    report.scorePercent === null ? '' : `, weighted score ${report.scorePercent.toFixed(0)} %`
  }</p>
${run.partial ? `<p class="inconclusive">Partial: the run was cut short (${escapeHtml(run.partialReason ?? '')}).</p>` : ''}
<section id="verdicts"><h2>Verdicts</h2>${verdictTable(report.criteria)}</section>
<section><h2>Scenarios</h2>${scenarioTable(report)}</section>
<section><h2>Environment</h2>${environment(run.environment, run)}</section>
<section><h2>Measurements</h2>${charts.map(figure).join('\n')}</section>
<section><h2>Load levels</h2>${levelTable(run)}${followingTable(run)}</section>
<section><h2>Without and with the optimizer</h2>${comparisonTable(run)}</section>
<section><h2>Scaling decisions</h2>${eventTable(run)}</section>
<section><h2>Analysis</h2>${items(report.analysis.map((finding) => finding.text))}</section>
<section><h2>Recommendations</h2>${htmlTable(
    ['setting', 'value', 'why'],
    report.recommendations.map(({ setting, value, why }) => [setting, value, why]),
  )}</section>
<script type="application/json" id="charts">${scriptJson(charts)}</script>
<script>${UPLOT_SCRIPT}</script><script>${PAGE_SCRIPT}</script>
</body></html>
`;
}

function verdictTable(criteria: readonly Criterion[]): string {
  return htmlTable(
    ['criterion', 'wanted', 'measured', '95 % interval', 'samples', 'verdict', 'why'],
    criteria.map((c) => [
      `${c.metric} (${c.statistic})`,
      wanted(c),
      c.measured === null ? '–' : `${shortNumber(c.measured)} ${c.unit}`,
      c.ci95 === null ? '' : `${shortNumber(c.ci95[0])} – ${shortNumber(c.ci95[1])}`,
      shortNumber(c.samples),
      { text: MARKS[c.verdict], className: c.verdict },
      c.reason,
    ]),
  );
}

function scenarioTable(report: OptimizationReport): string {
  return htmlTable(
    ['scenario', 'weight', 'verdict', 'passed', 'failed', 'inconclusive', 'skipped', 'points'],
    report.scenarios.map((s) => [
      s.title,
      String(s.weight),
      { text: MARKS[s.verdict], className: s.verdict },
      String(s.passed),
      String(s.failed),
      String(s.inconclusive),
      String(s.skipped),
      shortNumber(s.points),
    ]),
  );
}

function environment(env: EnvironmentReport, run: OptimizationRun): string {
  const { facts, postgres, redis } = env;
  const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  const rows: [string, string][] = [
    [
      'machine',
      `${env.cpuModel}, ${shortNumber(env.cores)} cores (${env.coresSource}), ${gib(env.memoryBytes)} (${env.memorySource}), ${env.platform}`,
    ],
    ['load before', `${env.loadPerCoreBefore.toFixed(2)} per core`],
    ['Node.js', env.node],
    [
      'PostgreSQL',
      `${postgres.version} at ${postgres.address}${facts.postgresSource === undefined ? '' : ` (${facts.postgresSource})`}, max_connections ${postgres.maxConnections}, shared_buffers ${postgres.sharedBuffers}, fsync ${postgres.fsync}, synchronous_commit ${postgres.synchronousCommit}`,
    ],
    ['durable, authentication', `${facts.durable ?? 'not told'}, ${facts.auth ?? 'not told'}`],
    [
      'Redis',
      `${redis.version} at ${redis.address}${facts.redisSource === undefined ? '' : ` (${facts.redisSource})`}, maxmemory ${redis.maxmemory}, ${redis.maxmemoryPolicy}`,
    ],
    [
      'packages',
      Object.entries(env.packages)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ['repeat', facts.command ?? `profile ${run.profile}, seed ${run.seed}`],
    ...env.warnings.map((warning): [string, string] => ['note', warning]),
  ];
  return htmlTable(['what', 'value'], rows);
}

function figure(chart: ReportChart): string {
  const length = chart.data[0]?.length ?? 0;
  const step = Math.max(1, Math.ceil(length / TABLE_ROWS));
  const rows: string[][] = [];
  for (let i = 0; i < length; i += step) {
    rows.push(chart.data.map((column) => shortNumber(column[i])));
  }
  return `<figure><h3>${escapeHtml(chart.title)}</h3><div class="chart" id="chart-${escapeHtml(chart.id)}"></div>
<figcaption>${escapeHtml(chart.caption)}</figcaption>
<details><summary>Numbers${step > 1 ? ` (one of each ${step} rows)` : ''}</summary>${htmlTable(
    [chart.x.label, ...chart.series.map((series) => `${series.label} (${chart.y.label})`)],
    rows,
  )}</details></figure>`;
}

function levelTable(run: OptimizationRun): string {
  const levels = run.scenarios.scaling?.levels ?? [];
  if (levels.length === 0) return '<p class="dim">Scenario 1 did not run.</p>';
  return htmlTable(
    [
      'level',
      'sessions/s',
      'responses',
      'p50',
      'p95',
      'p99',
      'from intended start p95',
      'acquire wait p95',
      'query p95',
      'generator lag p95',
      'utilisation',
      'pool',
      'server',
      'in transaction',
      'connects ÷ acquires',
    ],
    levels.map((l) => [
      l.level.name,
      shortNumber(l.offeredPerSecond),
      shortNumber(l.response.count),
      ...[
        l.response.p50,
        l.response.p95,
        l.response.p99,
        l.responseFromIntended.p95,
        l.acquireWait.p95,
        l.query.p95,
        l.load.lag.p95,
      ].map((ms) => `${shortNumber(ms)} ms`),
      l.utilization === null ? '–' : `${shortNumber(100 * l.utilization.mean)} %`,
      l.size === null ? '–' : `${l.size.min} – ${l.size.max}`,
      l.serverConnections === null
        ? '–'
        : `${l.serverConnections.min} – ${l.serverConnections.max}`,
      l.serverInTransaction === null ? '–' : shortNumber(l.serverInTransaction.mean),
      `${l.connects} ÷ ${l.acquires}`,
    ]),
  );
}

/** What was wanted of each level, and how the pool got there. */
function followingTable(run: OptimizationRun): string {
  const { scaling } = run.scenarios;
  if (scaling === null || scaling.levels.length === 0) return '';
  const range = ([from, to]: readonly [number, number]): string => `${from} – ${to}`;
  const { shrink } = scaling;
  return `<h3>How the pool followed</h3>${htmlTable(
    [
      'level',
      'wanted connections',
      'wanted utilisation',
      'utilisation',
      'size at most',
      'leased at most',
      'time to scale (ramp)',
      'overshoot',
      'connects',
      'wasted',
      'turns in the steady part',
    ],
    [
      ...scaling.levels.map(({ level, following, utilization, directionChanges }) => [
        level.name,
        range(level.connections),
        `${range(level.utilization)} %`,
        utilization === null ? '–' : `${shortNumber(100 * utilization.mean)} %`,
        ...(following === null
          ? ['–', '–', '–', '–', '–', '–']
          : [
              String(following.peakSize),
              String(following.peakLeased),
              `${(following.timeToScaleMs / 1000).toFixed(1)} s (${(level.rampMs / 1000).toFixed(1)} s)`,
              String(following.overshoot),
              String(following.connects),
              String(following.connectsWasted),
            ]),
        String(directionChanges),
      ]),
    ],
  )}<p>${
    shrink === null
      ? 'The way back was not watched.'
      : shrink.tookMs === null
        ? `Without load it was still at ${shrink.toSize} connections after ${(shrink.deadlineMs / 1000).toFixed(0)} s.`
        : `Without load it was back at ${shrink.toSize} connections after ${(shrink.tookMs / 1000).toFixed(1)} s.`
  }</p>`;
}

function comparisonTable(run: OptimizationRun): string {
  const { resources } = run.scenarios;
  if (resources === null) return '<p class="dim">Scenario 2 did not run.</p>';
  return htmlTable(
    ['metric', 'unit', 'without', 'with', 'with ÷ without'],
    resources.comparison.map((line) => [
      line.metric,
      line.unit,
      shortNumber(line.without),
      shortNumber(line.with),
      shortNumber(line.ratio),
    ]),
  );
}

function eventTable(run: OptimizationRun): string {
  const events = run.scenarios.scaling?.scalingEvents ?? [];
  if (events.length === 0) return '<p class="dim">None were recorded.</p>';
  const origin = run.scenarios.scaling?.startedAt ?? 0;
  return `<details><summary>${events.length} decisions</summary>${htmlTable(
    ['seconds', 'from', 'to', 'reason', 'inputs'],
    events.map((event) => [
      ((event.at - origin) / 1000).toFixed(2),
      String(event.from),
      String(event.to),
      event.reason,
      Object.entries(event.inputs)
        .map(([name, value]) => `${name} ${shortNumber(value)}`)
        .join(', '),
    ]),
  )}</details>`;
}

function items(texts: readonly string[]): string {
  return `<ul>${texts.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul>`;
}
