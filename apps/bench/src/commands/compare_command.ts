import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from '../cli/command.ts';
import { CliError, UsageError } from '../cli/errors.ts';
import { ExitCode } from '../cli/exit_code.ts';
import { choiceFlag, textFlag, wholeNumberFlag } from '../cli/flags.ts';
import { unknownName } from '../cli/suggest.ts';
import { changePage } from '../compare/change_html.ts';
import { changeLines, NOTHING_TO_COMPARE } from '../compare/change_table.ts';
import { type Change, compareSamples, hasRegression } from '../compare/compare.ts';
import { compareBuilds } from '../compare/compare_builds.ts';
import { buildOf } from '../compare/git_build.ts';
import { loadDifferences, surroundingDifferences } from '../compare/same_load.ts';
import { comparableSamples } from '../compare/samples.ts';
import { writePage } from '../report/write_page.ts';
import { type ResultFile, readResultFile } from '../results/result_file.ts';
import { SCENARIOS, scenarioById } from '../scenario/catalog.ts';
import { startBenchServers } from '../servers/bench_servers.ts';
import { prepareOutputFolder } from '../servers/output_folder.ts';
import { Progress } from '../terminal/progress.ts';
import { chosenSubjects, loadFlags, paramsFor } from './load_flags.ts';

const flags = {
  rounds: wholeNumberFlag(
    'N',
    { min: 2, max: 100 },
    'rounds of each build (default 10; git refs only)',
    'n',
  ),
  ...loadFlags,
  seed: wholeNumberFlag('N', { min: 0, max: 2 ** 31 }, 'seed of every random choice (default 1)'),
  format: choiceFlag(['pretty', 'json'], 'how to print (default pretty)'),
  html: textFlag('FILE', 'also write the changes as one self-contained HTML page'),
};

export const compareCommand: Command<typeof flags> = {
  name: 'compare',
  summary:
    'Compares two result files, or two builds (git refs, `.` is the working tree), with significance',
  positionals: 'A B [scenario ...]',
  flags,
  examples: [
    'fynlo-bench compare before.json after.json    two runs; exit 98 when one number is worse',
    'fynlo-bench compare before.json after.json --html changes.html    with a page to look at',
    'fynlo-bench compare main . P6 P7              the working tree against main, interleaved',
    'fynlo-bench compare v1.2.0 . P10 -d 1 -n 20   many short rounds',
  ],
  async run(positionals, flags, { terminal, signal }) {
    const { rounds = 10, seed = 1, format = 'pretty', html } = flags;
    const [a, b, ...names] = positionals;
    if (a === undefined || b === undefined) {
      throw new UsageError('compare wants two: fynlo-bench compare A B (result files or git refs)');
    }
    let changes: Change[];
    let notes: string[] = [];
    if (isFile(a) && isFile(b)) {
      if (names.length > 0)
        throw new UsageError('Two result files are compared whole: leave the scenarios out');
      const [before, after] = [await readResultFile(a), await readResultFile(b)];
      refuseBrokenRows([
        [a, before],
        [b, after],
      ]);
      refuseMissingRows([a, before], [b, after]);
      const loads = loadDifferences(before, after);
      if (loads.length > 0) {
        throw new UsageError(
          `Not comparable, measured under different loads: ${loads.join('; ')}. Run both with the same --profile and load flags`,
        );
      }
      notes = surroundingDifferences(before, after).map(
        (line) => `Not the same in both runs: ${line}`,
      );
      for (const line of notes) terminal.err.write(`${line}\n`);
      changes = compareSamples(comparableSamples(before), comparableSamples(after));
    } else if (isFile(a) || isFile(b)) {
      throw new UsageError(`A result file cannot be compared with a build: got "${a}" and "${b}"`);
    } else {
      const scenarios = names.map((name) => {
        const scenario = scenarioById(name);
        if (scenario !== undefined) return scenario;
        throw new UsageError(
          unknownName(
            'scenario',
            name,
            SCENARIOS.map(({ id }) => id),
          ),
        );
      });
      if (scenarios.length === 0)
        throw new UsageError('Say which scenarios, e.g. fynlo-bench compare main . P6 P7');
      const chosen = scenarios.map((scenario) => ({
        scenario,
        params: paramsFor(scenario, flags),
      }));
      const only = chosenSubjects(flags, scenarios);
      if (html !== undefined) await prepareOutputFolder(dirname(html));
      const progress = new Progress(terminal);
      progress.update('builds', `${a} and ${b}`);
      await using first = await buildOf(a, signal);
      await using second = await buildOf(b, signal);
      await using servers = await startBenchServers({
        maxConnections: 600,
        note: (line) => progress.note(line),
      });
      changes = await compareBuilds({
        builds: [first, second],
        scenarios: chosen,
        only,
        rounds,
        seed,
        databaseUrl: servers.postgres.url,
        redisUrl: servers.redis.url,
        signal,
        onRound: (scenario, subject, build, done, total) =>
          progress.update(`${scenario.id} ${subject.name}`, build.name, done / total),
      });
      progress.done();
    }
    if (changes.length === 0) throw new UsageError(NOTHING_TO_COMPARE);
    terminal.out.write(
      `${format === 'json' ? JSON.stringify(changes, undefined, 2) : changeLines(changes, terminal.colors).join('\n')}\n`,
    );
    if (html !== undefined)
      await writePage(html, changePage({ before: a, after: b, changes, notes }));
    return hasRegression(changes) ? ExitCode.regression : ExitCode.ok;
  },
};

/**
 * The rounds before the one that broke are in the file, but say nothing: a build that breaks must not pass as one that is as
 * fast as before.
 */
function refuseBrokenRows(files: readonly (readonly [path: string, ResultFile])[]): void {
  const broken = files.flatMap(([path, { scenarios }]) =>
    scenarios.flatMap(({ id, failure }) =>
      failure === undefined ? [] : [`${id} broke in ${path}: ${failure.split('\n')[0]}`],
    ),
  );
  if (broken.length > 0) throw new CliError(broken.join('; '), ExitCode.crash);
}

/** A row that was not measured again is not one that stayed as it was: an interrupted run would pass as one without a regression. */
function refuseMissingRows(
  [path, { scenarios: before }]: readonly [path: string, ResultFile],
  [otherPath, { scenarios: after }]: readonly [path: string, ResultFile],
): void {
  const measured = new Set(after.map(({ id }) => id));
  const missing = before.flatMap(({ id }) => (measured.has(id) ? [] : [id]));
  // Nothing in common is told in words of its own.
  if (missing.length === 0 || missing.length === before.length) return;
  throw new UsageError(
    `${otherPath} lacks ${missing.join(', ')}, which ${path} has. Measure them as well (run ${missing.join(' ')} --resume ${otherPath})`,
  );
}

/** A name that ends in .json is meant as a file, also when it is not there: the error then says so. */
function isFile(name: string): boolean {
  return name.endsWith('.json') || (name !== '.' && name.includes('/') && existsSync(name));
}
