import pc from 'picocolors';
import { expect, test } from 'vitest';
import type { ResultFile, ScenarioResult } from '../results/result_file.ts';
import { htmlReport } from './html.ts';
import { markdownReport } from './markdown.ts';
import { prettyScenario } from './pretty.ts';
import { subjectTables } from './rows.ts';
import { visibleLength } from './table.ts';
import { verdictLines } from './verdict_lines.ts';

const colors = pc.createColors(false);

function scenario(id: string, more: Partial<ScenarioResult> = {}): ScenarioResult {
  const rounds = (opsPerSecond: number) =>
    [0, 1, 2, 3, 4].map((round) => ({
      round,
      position: round,
      metrics: { opsPerSecond: opsPerSecond + round, p99Ms: 2, cpuMicrosPerOp: 30, rssPeakMb: 70 },
    }));
  return {
    id,
    name: 'exclusive-query',
    question: 'Is <ours> faster?',
    target: '>= 1.05x ops; p99 no worse',
    params: { callers: 64, connections: 10, warmupMs: 1000, durationMs: 4000 },
    subjects: [
      { name: 'ours', settings: 'max 10 '.repeat(30).trim(), rounds: rounds(1100) },
      { name: 'pg', settings: 'max 10', rounds: rounds(1000) },
    ],
    verdict: 'pass',
    criteria: [
      {
        criterion: { metric: 'opsPerSecond', subject: 'ours', peer: 'pg', op: '>=', bound: 1.005 },
        verdict: 'pass',
        measured: 1.1,
        low: 1.09,
        high: 1.12,
        peerMedian: 1002,
        pValue: 0.008,
        samples: 5,
      },
    ],
    tookMs: 50_000,
    ...more,
  };
}

function result(scenarios: readonly ScenarioResult[], pending: ResultFile['pending'] = []) {
  const environment = { node: 'v20', cpu: 'a cpu', cores: 2, memoryGb: 8, load: 0, packages: {} };
  return {
    startedAt: '2026-01-02T03:04:05Z',
    partial: pending.length > 0,
    pending,
    seed: 1,
    command: 'fynlo-bench run P6',
    environment,
    scenarios,
  } as unknown as ResultFile;
}

test('verdictLines() has a line a criterion under its group, the wanted bound as it is, and the tally', () => {
  const lines = verdictLines(result([scenario('P6'), scenario('K1')]), { colors, columns: 120 });
  expect(lines).toContain('Pool');
  expect(lines).toContain('Cache');
  const row = lines.find((line) => line.includes(' P6 '));
  expect(row).toMatch(
    /^✓ {2}P6 {2}exclusive-query {2}ops\/s +1\.1x {2}\[1\.09, 1\.12\] {2}>= 1\.005x pg +1,002\/s$/,
  );
  expect(lines.at(-1)).toBe('2 targets: 2 met');
});

test('verdictLines() names what is not measured, and tells of a busy host once for all rows', () => {
  const busy = { verdict: 'inconclusive', reason: 'the host was busy' } as const;
  const unsure = (id: string): ScenarioResult => {
    const { criteria } = scenario(id);
    return scenario(id, {
      verdict: 'inconclusive',
      criteria: criteria.map((criterion) => ({ ...criterion, ...busy })),
    });
  };
  const pending = [{ id: 'P8', name: 'cold-spike', target: '' }];
  const lines = verdictLines(result([unsure('P6'), unsure('P7')], pending), {
    colors,
    columns: 120,
  });
  expect(lines).toContain('Not measured: P8');
  expect(lines.filter((line) => line.includes('busy'))).toEqual(['? P6 P7: the host was busy']);
  expect(lines.at(-1)).toBe('3 targets: 2 inconclusive  PARTIAL: 1 not measured');
});

test.each([60, 80, 120])('prettyScenario() and verdictLines() keep to %i columns', (columns) => {
  for (const line of [
    ...prettyScenario(scenario('P6'), { colors, columns }),
    ...verdictLines(result([scenario('P6')]), { colors, columns }),
  ]) {
    expect(visibleLength(line), line).toBeLessThanOrEqual(columns);
  }
});

test('prettyScenario() leaves out whole columns where the line is too short', () => {
  const cells = (columns: number): number[] => {
    const lines = prettyScenario(scenario('P6'), { colors, columns });
    const from = lines.findIndex((line) => line.trim().startsWith('subject'));
    return lines.slice(from, from + 3).map((line) => line.trim().split(/ {2,}/).length);
  };
  expect(cells(100)).toEqual([5, 5, 5]);
  expect(cells(36)).toEqual([3, 3, 3]);
});

test('prettyScenario() shows why a row broke', () => {
  const failure = 'Round of ours in P6 failed: no such table\nat query()';
  const lines = prettyScenario(scenario('P6', { verdict: 'fail', failure }), {
    colors,
    columns: 100,
  });
  expect(lines.slice(-3).map((line) => line.trim())).toEqual([...failure.split('\n'), '']);
});

test('htmlReport() escapes what it is given, leads from the table to each row, and says what is missing', () => {
  const page = htmlReport(result([scenario('P6')], [{ id: 'P8', name: 'cold', target: '' }]));
  expect(page).toContain('Is &lt;ours&gt; faster?');
  expect(page).not.toContain('<ours>');
  expect(page).toContain('<a href="#P6">P6</a>');
  expect(page).toContain('<section id="P6">');
  expect(page).toContain('partial: 1 of 2 not measured');
  expect(page).not.toMatch(/(src|href)="http/);
});

test('a verdict on fewer than five rounds says so in the row and in the tally, in every rendering', () => {
  const { criteria } = scenario('P6');
  const few = result([
    scenario('P6', { criteria: criteria.map((one) => ({ ...one, samples: 2 })) }),
    scenario('K1'),
  ]);
  const lines = verdictLines(few, { colors, columns: 120 });
  expect(lines.find((line) => line.includes(' P6 '))).toContain('[1.09, 1.12] 2 rounds');
  expect(lines.find((line) => line.includes(' K1 '))).not.toContain('rounds');
  expect(lines.at(-1)).toBe('2 targets: 2 met (1 in fewer than 5 rounds)');
  for (const page of [markdownReport(few), htmlReport(few)])
    expect(page.match(/\[1\.09, 1\.12\] 2 rounds/g)).toHaveLength(2);
});

test('a row of another commit is marked in the table, and what differs is said below, in every rendering', () => {
  const elsewhere = ['commit b1 (the others: a1)'];
  const mixed = result([
    scenario('P6', { elsewhere }),
    scenario('P7', { elsewhere }),
    scenario('K1'),
  ]);
  const lines = verdictLines(mixed, { colors, columns: 120 });
  const marked = lines.filter((line) => /^✓ +\w+\*/.test(line));
  expect(marked.map((line) => line.split(/ +/)[1])).toEqual(['P6*', 'P7*']);
  expect(lines).toContain('* P6 P7: commit b1 (the others: a1)');
  expect(markdownReport(mixed)).toContain('\\* P6 P7: commit b1 (the others: a1)');
  expect(markdownReport(mixed).match(/\| pass\* \|/g)).toHaveLength(2);
  expect(htmlReport(mixed)).toContain('* P6 P7: commit b1 (the others: a1)');
});

const loaded = (params: Partial<ScenarioResult['params']>): ScenarioResult => {
  const one = scenario('P6');
  return { ...one, params: { ...one.params, ...params } };
};

test('the operations a second of an open loop stand as what was done of what was due', () => {
  const titles = (params: Partial<ScenarioResult['params']>): string[] =>
    subjectTables(loaded(params)).flatMap(({ columns }) => columns.map(({ title }) => title));
  expect(titles({})).toContain('ops/s');
  expect(titles({ ratePerSecond: 2000 })).not.toContain('ops/s');
  expect(titles({ ratePerSecond: 2000 })).toContain('done/s of 2,000');
});

test('an open loop that followed the closed one has a table of its own, and its p99 the rate in its name, in every rendering', () => {
  const one = loaded({ openRatePerSecond: 2000 });
  const open = { openP50Ms: 1.5, openP99Ms: 7.25, openLagP99Ms: 0.4, openOpsPerSecond: 1990 };
  const both: ScenarioResult = {
    ...one,
    subjects: one.subjects.map((subject) => ({
      ...subject,
      rounds: subject.rounds.map((round) => ({
        ...round,
        metrics: { ...round.metrics, ...open },
      })),
    })),
    criteria: one.criteria.map((judged) => ({
      ...judged,
      criterion: { ...judged.criterion, metric: 'openP99Ms' },
    })),
  };
  expect(subjectTables(both)[1]).toMatchObject({
    columns: ['at 2,000/s', 'p50 ms', 'p99 ms', 'lag p99 ms', 'done/s of 2,000'].map((title) => ({
      title,
    })),
    rows: [
      ['ours', '1.5', '7.25', '0.4', '1,990'],
      ['pg', '1.5', '7.25', '0.4', '1,990'],
    ],
  });
  const pretty = prettyScenario(both, { colors, columns: 100 }).join('\n');
  expect(pretty).toMatch(/5 rounds of 1 \+ 4 s, then 0\.3 \+ 2 s of an open loop at 2,000\/s/);
  expect(pretty).toMatch(/at 2,000\/s +p50 ms +p99 ms +lag p99 ms +done\/s of 2,000/);
  expect(pretty).toContain('✓ p99 at 2,000/s 1.1x');
  expect(verdictLines(result([both]), { colors, columns: 120 }).join('\n')).toContain(
    'p99 at 2,000/s',
  );
  for (const page of [markdownReport(result([both])), htmlReport(result([both]))]) {
    expect(page).toContain('p99 at 2,000/s 1.1x');
    expect(page).toContain('done/s of 2,000');
    expect(page).toContain('7.25');
  }
});
