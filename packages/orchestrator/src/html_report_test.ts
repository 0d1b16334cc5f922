import { describe, expect, it } from 'vitest';
import { escapeHtml, htmlTable, scriptJson } from './_html_text.ts';
import { alignSeries, logBars, percentileCurve } from './_report_chart.ts';
import type { EnvironmentReport } from './environment_report.ts';
import { HistoryRecorder } from './history_recorder.ts';
import { renderHtmlReport } from './html_report.ts';
import { LatencyHistogram } from './latency_histogram.ts';
import { optimizationReport } from './optimization_report.ts';
import type { OptimizationRun } from './optimization_run.ts';

const EVIL = `</script><img src=x onerror="alert('1')">`;

const environment = {
  node: 'v20',
  platform: 'linux x64',
  cpuModel: EVIL,
  cores: 2,
  coresSource: 'machine',
  memoryBytes: 8e9,
  memorySource: 'total-ram',
  loadPerCoreBefore: 0,
  packages: { pg: EVIL },
  postgres: {
    address: EVIL,
    version: '18',
    maxConnections: 600,
    freeConnections: 590,
    sharedBuffers: '128MB',
    fsync: 'off',
    synchronousCommit: 'off',
  },
  redis: {
    address: 'redis://127.0.0.1',
    version: '7',
    maxmemory: '0B',
    maxmemoryPolicy: 'noeviction',
  },
  facts: { command: EVIL },
  warnings: [EVIL],
} as EnvironmentReport;

const run: OptimizationRun = {
  profile: 'quick',
  seed: 1,
  startedAt: 1_700_000_000_000,
  tookMs: 1000,
  partial: true,
  partialReason: EVIL,
  environment,
  scenarios: { scaling: null, resources: null, cache: null, memory: null, recovery: null },
  criteria: [
    {
      id: 'x',
      scenario: 'cache',
      metric: EVIL,
      statistic: 'p95',
      op: '<',
      threshold: 1,
      unit: 'ms',
      measured: 0.5,
      samples: 10,
      ci95: [0.4, 0.6],
      verdict: 'pass',
      reason: EVIL,
    },
  ],
  verdict: 'pass',
};

describe('renderHtmlReport()', () => {
  const html = renderHtmlReport({
    run,
    report: optimizationReport(run, 1_700_000_001_000),
    history: new HistoryRecorder(250, 100).report(),
  });

  it('lets nothing that was measured or told become markup', () => {
    expect(html).not.toContain('<img');
    expect(html).toContain('&lt;/script&gt;&lt;img src=x');
    expect(html.match(/<script/g)).toHaveLength(3);
    expect(html.match(/<\/script>/g)).toHaveLength(3);
  });

  it('is of one piece, with and without light', () => {
    expect(html.startsWith('<!doctype html>')).toBe(true);
    expect(html).not.toMatch(/<link|@import|url\(/);
    expect(html).toContain('prefers-color-scheme: dark');
  });

  it('says on top what it is about, and that it is partial', () => {
    expect(html).toContain('<h1>Connection pool optimization: <span class="pass">pass</span></h1>');
    expect(html).toContain('Partial: the run was cut short');
    expect(html).toContain('Scenario 1 did not run.');
  });
});

describe('the text of a page', () => {
  it('is escaped for text, attributes and scripts', () => {
    expect(escapeHtml(`<a href="x">'&'</a>`)).toBe(
      '&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;',
    );
    expect(scriptJson({ a: '</script>\u2028' })).toBe('{"a":"\\u003c/script>\\u2028"}');
    expect(JSON.parse(scriptJson({ a: '</script>\u2028' }))).toEqual({ a: '</script>\u2028' });
    expect(htmlTable(['<h>'], [['<c>', { text: '<t>', className: '"x' }]])).toContain(
      '<th scope="col">&lt;h&gt;</th></tr></thead><tbody><tr><td>&lt;c&gt;</td><td class="&quot;x">&lt;t&gt;</td>',
    );
  });
});

describe('the curves', () => {
  const histogram = new LatencyHistogram();
  for (let us = 1; us <= 1000; us++) histogram.record(us / 1000);

  it('put the p95 at "one in 20", and the largest at "one in all"', () => {
    const { oneIn, ms } = percentileCurve(histogram.buckets());
    const at = oneIn.findIndex((x) => x >= 20);
    expect(ms[at]).toBeCloseTo(0.95, 2);
    expect(oneIn.at(-1)).toBe(1000);
    expect(ms.at(-1)).toBeCloseTo(1, 2);
    expect(oneIn).toEqual([...oneIn].sort((a, b) => a - b));
  });

  it('share one axis, with gaps where one has no point', () => {
    expect(
      alignSeries([
        { x: [1, 3], y: [10, 30] },
        { x: [2, 3], y: [200, 300] },
      ]),
    ).toEqual([
      [1, 2, 3],
      [10, null, 30],
      [null, 200, 300],
    ]);
  });

  it('hold all values in their bars', () => {
    const { share, upToMs } = logBars(histogram.buckets());
    expect(share.reduce((a, b) => a + b, 0)).toBeCloseTo(100, 6);
    expect(upToMs).toHaveLength(40);
  });
});
