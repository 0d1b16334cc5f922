import { join } from 'node:path';
import type { Command } from '../cli/command.ts';
import { UsageError } from '../cli/errors.ts';
import { ExitCode } from '../cli/exit_code.ts';
import { choiceFlag, switchFlag, textFlag, wholeNumberFlag } from '../cli/flags.ts';
import { unknownName } from '../cli/suggest.ts';
import { CaseBrokenError, type Cell, runCase } from '../faults/case_runner.ts';
import { FAULTS } from '../faults/catalog.ts';
import type { Fault } from '../faults/fault.ts';
import type { FaultSubject } from '../faults/fault_subject.ts';
import { type FaultMatrix, matrixOf, readMatrix, writeWhole } from '../faults/matrix.ts';
import {
  CELL_MARKS,
  matrixMarkdown,
  matrixTable,
  runText,
  tallies,
} from '../faults/matrix_report.ts';
import { FAULT_SUBJECTS } from '../faults/subjects/subjects.ts';
import { readEnvironment } from '../measure/environment.ts';
import { appendStepSummary } from '../report/step_summary.ts';
import { textTable } from '../report/table.ts';
import { startFaultServer } from '../servers/fault_server.ts';
import { prepareOutputFolder } from '../servers/output_folder.ts';
import { Progress } from '../terminal/progress.ts';

const flags = {
  subjects: textFlag('LIST', 'only these pools, with commas between (default all)'),
  profile: choiceFlag(['quick', 'full'], 'how long and how large (default quick)'),
  seed: wholeNumberFlag('N', { min: 0, max: 2 ** 31 }, 'seed of every random choice (default 1)'),
  format: choiceFlag(['pretty', 'json', 'markdown'], 'what to print on stdout (default pretty)'),
  out: textFlag('DIR', 'folder for faults.json and faults.md (default reports/faults)', 'o'),
  merge: switchFlag('keep the cells of the faults.json that is there and are not run again'),
  quiet: switchFlag('no progress on stderr', 'q'),
};

const PACKAGES = ['pg', 'postgres', 'knex', 'tarn', 'generic-pool'];
const OURS = 'fynlo';

export const faultsCommand: Command<typeof flags> = {
  name: 'faults',
  summary:
    'Lets pools meet the fault catalogue, each in a process of its own, and writes which of them pass',
  positionals: '[F01|F1*|name ...]',
  flags,
  examples: [
    'fynlo-bench faults                                     the whole catalogue, all pools',
    'fynlo-bench faults F13 F10 --subjects fynlo,pg.Pool    two faults, two pools',
    'fynlo-bench faults "F7*" --profile full --seed 7       by pattern, at full size',
    'fynlo-bench faults --subjects knex --out docs --merge  replace one column',
  ],
  async run(positionals, given, { terminal, signal }) {
    const faults = chosen(positionals);
    const subjects = chosenSubjects(given.subjects);
    const { profile = 'quick', seed = 1, format = 'pretty', out = 'reports/faults' } = given;
    await prepareOutputFolder(out);
    const file = join(out, 'faults.json');
    const merges = given.merge === true;
    if (merges) await readMatrix(file);
    const progress = new Progress(terminal, given.quiet === true);
    progress.update('servers', 'starting PostgreSQL');
    const startedAt = new Date().toISOString();
    let environment = readEnvironment(PACKAGES);
    const cells: Cell[] = [];
    const broken: CaseBrokenError[] = [];
    const { err, out: stdout, colors } = terminal;
    try {
      await using server = await startFaultServer((line) => progress.note(line));
      environment = { ...environment, postgres: server.environment };
      const total = faults.length * subjects.length;
      for (const fault of faults) {
        for (const subject of subjects) {
          const done = cells.length + broken.length;
          progress.update(`${fault.id} ${fault.name}`, subject.name, done / total);
          const order = {
            fault: fault.id,
            subject: subject.name,
            profile,
            seed,
            serverUrl: server.url,
            timeFactor: 1,
          };
          try {
            const cell = await runCase(fault, order, signal);
            cells.push(cell);
            progress.note(cellLine(cell, colors));
          } catch (error) {
            if (!(error instanceof CaseBrokenError)) throw error;
            broken.push(error);
            progress.note(colors.red(error.message));
          }
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      progress.done();
    }

    const matrix = matrixOf(
      {
        startedAt,
        finishedAt: new Date().toISOString(),
        partial: signal.aborted,
        profile,
        seed,
        command: repeatCommand(positionals, given.subjects, profile, seed),
        environment,
      },
      cells,
      // Anew: another run may have written its cells meanwhile.
      merges ? await readMatrix(file) : undefined,
    );
    const markdown = matrixMarkdown(matrix);
    await writeWhole(file, `${JSON.stringify(matrix, undefined, 2)}\n`);
    await writeWhole(join(out, 'faults.md'), markdown);
    await appendStepSummary(markdown);
    if (format === 'json') stdout.write(`${JSON.stringify(matrix, undefined, 2)}\n`);
    else if (format === 'markdown') stdout.write(markdown);
    else stdout.write(`${pretty(matrix, colors).join('\n')}\n`);
    err.write(`Written: ${file}, ${join(out, 'faults.md')}\n`);

    if (signal.aborted) return ExitCode.interrupted;
    if (broken.length > 0) {
      for (const { message } of broken) err.write(`${colors.red('broken:')} ${message}\n`);
      return ExitCode.crash;
    }
    // What others miss is what the matrix is for; what ours misses is a target missed.
    const missed = cells.some(
      ({ subject, verdict }) =>
        subject === OURS && (verdict === 'fail' || verdict === 'hangs' || verdict === 'crashes'),
    );
    return missed ? ExitCode.threshold : ExitCode.ok;
  },
};

function chosen(positionals: readonly string[]): readonly Fault[] {
  if (positionals.length === 0) return FAULTS;
  const wanted = positionals.map((text) => {
    const pattern = new RegExp(
      `^${text.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`,
      'i',
    );
    const matches = ({ id, name }: Fault): boolean => pattern.test(id) || pattern.test(name);
    if (!FAULTS.some(matches)) {
      throw new UsageError(
        unknownName(
          'fault',
          text,
          FAULTS.flatMap((f) => [f.id, f.name]),
        ),
      );
    }
    return matches;
  });
  return FAULTS.filter((fault) => wanted.some((matches) => matches(fault)));
}

function chosenSubjects(list: string | undefined): readonly FaultSubject[] {
  if (list === undefined) return FAULT_SUBJECTS;
  const known = FAULT_SUBJECTS.map(({ name }) => name);
  const wanted = list.split(',').map((name) => name.trim());
  for (const name of wanted) {
    if (!known.includes(name)) throw new UsageError(unknownName('subject', name, known));
  }
  return FAULT_SUBJECTS.filter(({ name }) => wanted.includes(name));
}

function repeatCommand(
  positionals: readonly string[],
  subjects: string | undefined,
  profile: string,
  seed: number,
): string {
  return [
    'fynlo-bench faults',
    ...positionals.map((text) => (text.includes('*') ? `'${text}'` : text)),
    ...(subjects === undefined ? [] : [`--subjects ${subjects}`]),
    `--profile ${profile} --seed ${seed}`,
  ].join(' ');
}

type Colors = Parameters<Command['run']>[2]['terminal']['colors'];

function cellLine(cell: Cell, colors: Colors): string {
  const mark = paint(cell, colors)(CELL_MARKS[cell.verdict]);
  const why = cell.reasons.length === 0 ? '' : `  ${colors.dim(cell.reasons.join('; '))}`;
  return `${cell.fault.padEnd(5)} ${cell.subject.padEnd(13)} ${mark}  ${(cell.tookMs / 1_000).toFixed(1)} s${why}`;
}

function paint({ verdict }: Pick<Cell, 'verdict'>, colors: Colors): (text: string) => string {
  if (verdict === 'pass') return colors.green;
  return verdict === 'not-applicable' || verdict === 'skipped' ? colors.dim : colors.red;
}

function pretty(matrix: FaultMatrix, colors: Colors): string[] {
  const { columns, rows } = matrixTable(matrix, 'name');
  return [
    ...textTable(columns, rows, colors.dim),
    '',
    `Passed: ${tallies(matrix).join(', ')}`,
    ...matrix.runs.map((run) => colors.dim(runText(run))),
  ];
}
