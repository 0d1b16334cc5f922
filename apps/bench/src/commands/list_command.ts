import type { Command } from '../cli/command.ts';
import { UsageError } from '../cli/errors.ts';
import { ExitCode } from '../cli/exit_code.ts';
import { choiceFlag } from '../cli/flags.ts';
import { textTable, wrapLast } from '../report/table.ts';
import { SCENARIOS } from '../scenario/catalog.ts';
import { FULL_RUN } from '../scenario/full_run.ts';

const flags = { format: choiceFlag(['pretty', 'json'], 'how to print (default pretty)') };

export const listCommand: Command<typeof flags> = {
  name: 'list',
  summary: 'Lists the scenarios: what each asks, its target and its subjects',
  positionals: '',
  flags,
  examples: ['fynlo-bench list', 'fynlo-bench list --format json | jq -r ".[].id"'],
  async run(positionals, { format }, { terminal }) {
    if (positionals.length > 0)
      throw new UsageError(`list takes no arguments, got "${positionals[0]}"`);
    if (format === 'json') {
      const rows = SCENARIOS.map(
        ({ id, name, group, question, target, subjects, params, loop, rounds }) => ({
          id,
          name,
          group,
          question,
          target,
          subjects: subjects.map(({ name: subject, settings }) => ({ name: subject, settings })),
          params,
          loop,
          rounds,
        }),
      );
      terminal.out.write(`${JSON.stringify(rows, undefined, 2)}\n`);
      return ExitCode.ok;
    }
    const { colors, columns } = terminal;
    const table = (rows: readonly (readonly string[])[]): string[] =>
      textTable([{ title: '' }, { title: '' }, { title: '' }], wrapLast(rows, columns)).slice(1);
    const lines = [
      colors.bold('The full run (fynlo-bench run)'),
      ...table(FULL_RUN.map(({ name, weight, summary }) => [name, `weight ${weight}`, summary])),
      '',
      colors.bold('Targets (fynlo-bench run targets, or by id or name)'),
      ...table(
        SCENARIOS.flatMap(({ id, name, question, target }) => [
          [id, name, question],
          ['', '', `→ ${target}`],
        ]),
      ).map(dimTargets(colors.dim)),
    ];
    terminal.out.write(`${lines.join('\n')}\n`);
    return ExitCode.ok;
  },
};

/** From an arrow to the next id, lines are those of a target. */
function dimTargets(dim: (text: string) => string): (line: string) => string {
  let target = false;
  return (line) => {
    target = /^ +→/.test(line) || (target && line.startsWith(' '));
    return target ? dim(line) : line;
  };
}
