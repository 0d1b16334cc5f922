import { type Column, markdownTable } from '../report/table.ts';
import { type Cell, type CellVerdict, measuredText, meets } from './case_runner.ts';
import { ELSEWHERE } from './elsewhere.ts';
import type { FaultMatrix, MatrixRun } from './matrix.ts';
import { LATE_MS } from './oracle.ts';

export const CELL_MARKS: Readonly<Record<CellVerdict, string>> = {
  pass: '✓',
  fail: '✗',
  hangs: '✗ hangs',
  crashes: '✗ crashes',
  'not-applicable': 'n/a',
  skipped: '-',
};

/** The matrix alone: a row a fault, by its name or by what happens, and a column a subject. */
export function matrixTable(
  matrix: FaultMatrix,
  by: 'name' | 'happens',
): { columns: Column[]; rows: string[][] } {
  return {
    columns: [
      { title: 'id' },
      { title: by === 'name' ? 'fault' : 'what happens' },
      ...matrix.subjects.map(({ name }) => ({ title: name })),
    ],
    rows: matrix.faults.map(({ id, ...fault }) => [
      id,
      fault[by],
      ...matrix.subjects.map(({ name }) => {
        const cell = cellOf(matrix, id, name);
        return cell === undefined ? '' : CELL_MARKS[cell.verdict];
      }),
    ]),
  };
}

/** `fynlo 40 of 42 (2 not applicable)` for each subject. */
export function tallies(matrix: FaultMatrix): string[] {
  return matrix.subjects.map(({ name }) => {
    const cells = matrix.cells.filter(({ subject }) => subject === name);
    const tried = cells.filter(
      ({ verdict }) => verdict !== 'not-applicable' && verdict !== 'skipped',
    );
    const passed = tried.filter(({ verdict }) => verdict === 'pass').length;
    return `${name} ${passed} of ${tried.length}`;
  });
}

function cellOf(matrix: FaultMatrix, fault: string, subject: string): Cell | undefined {
  return matrix.cells.find((cell) => cell.fault === fault && cell.subject === subject);
}

/** The whole result as Markdown. */
export function matrixMarkdown(matrix: FaultMatrix): string {
  const { columns, rows } = matrixTable(matrix, 'happens');
  const missing = matrix.faults.length * matrix.subjects.length > matrix.cells.length;
  // A later run may have brought what an interrupted one left out.
  const partial = missing && matrix.runs.some((run) => run.partial);
  const linked = rows.map(([id = '', ...rest]) => [`[${id}](#${id.toLowerCase()})`, ...rest]);
  return [
    `# Pools and faults${partial ? ' (partial: interrupted)' : ''}`,
    '',
    'What connection pools for PostgreSQL do when something goes wrong. Written by `fynlo-bench faults`; how it runs and how to read it:',
    '[the bench](../apps/bench/README.md#faults). Each cell ran in a process of its own against a real server, most of them through a',
    'proxy that misbehaves.',
    '',
    '✓ all criteria met · ✗ one missed · ✗ hangs: the case did not end · ✗ crashes: an error nobody could catch · n/a: the library has no',
    'such call · -: this machine cannot make it happen',
    '',
    ...markdownTable(columns, linked),
    '',
    `Passed: ${tallies(matrix).join(' · ')}.`,
    '',
    '## The pools',
    '',
    ...matrix.subjects.map(({ name, settings }) => `- **${name}**: ${settings}`),
    '',
    '## Every case',
    '',
    `After every case: each call is answered, acquires at most ${LATE_MS} ms after their deadline (time in which the process stood still left`,
    'out); within 2 s the server has as many backends as the pool has connections, and none after `end()`; `end()` ends, no error goes',
    'uncaught, and the process ends by itself. ⚠ marks what missed its bound.',
    '',
    ...matrix.faults.flatMap((fault) => faultSection(matrix, fault)),
    '## Not in the matrix',
    '',
    'Of the catalogue, but not run by the command: virtual time, minutes of load, other servers, and what no pool has by itself (admission by',
    'priority or tenant, leak reports, a model of its states).',
    '',
    ...ELSEWHERE.map(
      ({ id, what, test }) =>
        `- ${id} ${what}: ${test === undefined ? 'no test yet' : `[${test}](../${test})`}`,
    ),
    '',
    '## Runs',
    '',
    ...matrix.runs.map((run) => `- ${runText(run)}`),
    '',
  ].join('\n');
}

function faultSection(matrix: FaultMatrix, fault: FaultMatrix['faults'][number]): string[] {
  const cells = matrix.subjects.flatMap(({ name }) => cellOf(matrix, fault.id, name) ?? []);
  const tried = cells.filter(({ metrics }) => Object.keys(metrics).length > 0);
  const columns: Column[] = [
    { title: `${fault.id} ${fault.name}` },
    { title: 'bound', align: 'right' },
    ...tried.map(({ subject }) => ({ title: subject, align: 'right' as const })),
  ];
  const rows = fault.criteria.map((criterion) => [
    criterion.meaning,
    `${criterion.op} ${measuredText(criterion, criterion.bound)}`,
    ...tried.map(({ metrics }) => {
      const value = metrics[criterion.metric];
      const text = measuredText(criterion, value);
      return value === undefined || meets(criterion, value) ? text : `⚠ ${text}`;
    }),
  ]);
  const errors = tried.map(({ metrics }) => String(metrics['errors'] ?? ''));
  const judged = fault.criteria.some(({ metric }) => metric === 'errors');
  if (!judged && errors.some((text) => text !== '')) rows.push(['errors told', '', ...errors]);
  rows.push(['verdict', '', ...tried.map(({ verdict }) => CELL_MARKS[verdict])]);
  const said = new Set(fault.criteria.map(({ meaning }) => meaning));
  const remarks = cells.flatMap(({ subject, reasons, notes }) =>
    [...reasons.filter((reason) => !said.has(reason.split(': ')[0] ?? '')), ...notes].map(
      (text) => `- ${subject}: ${text}`,
    ),
  );
  return [
    `### ${fault.id}`,
    '',
    `Happens: ${fault.happens}.  `,
    `Must: ${fault.must}.`,
    '',
    ...(tried.length === 0 ? [] : [...markdownTable(columns, rows), '']),
    ...(remarks.length === 0 ? [] : [...remarks, '']),
  ];
}

export function runText({
  startedAt,
  profile,
  environment: e,
  partial,
  command,
}: MatrixRun): string {
  const packages = Object.entries(e.packages).map(([name, version]) => `${name} ${version}`);
  return [
    startedAt,
    `profile ${profile}`,
    `Node ${e.node}, ${e.cpu}, ${e.cores} cores, load ${e.load.toFixed(2)}`,
    ...(e.postgres === undefined
      ? []
      : [`PostgreSQL ${e.postgres.version} (${e.postgres.source})`]),
    ...(e.commit === undefined
      ? []
      : [`commit ${e.commit.slice(0, 10)}${e.dirty ? ' with changes' : ''}`]),
    packages.join(', '),
    `again: \`${command}\``,
    ...(partial ? ['interrupted'] : []),
  ].join('; ');
}
