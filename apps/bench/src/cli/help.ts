import { textTable, wrap, wrapLast } from '../report/table.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Command } from './command.ts';

type Sight = Pick<Terminal, 'colors' | 'columns'>;

const EXIT_CODES =
  '0 nothing missed · 1 crash · 2 usage · 3 unfit environment · 98 regression · 99 threshold missed · 130 interrupted';

export function programHelp(commands: readonly Command[], { colors, columns }: Sight): string {
  return [
    'fynlo-bench measures connection pools, caches and guards on real PostgreSQL and Redis servers.',
    '',
    `${colors.bold('Usage')}  fynlo-bench COMMAND [...]`,
    '',
    ...rows(
      commands.map(({ name, summary }) => [name, summary]),
      columns,
    ),
    '',
    'fynlo-bench COMMAND --help tells its flags and gives examples.',
    '',
    ...section(colors.bold('Exit codes'), EXIT_CODES, columns),
    ...section(
      colors.bold('Environment'),
      'DATABASE_URL and REDIS_URL name servers to use instead of starting own ones; NO_COLOR, CI',
      columns,
    ),
  ].join('\n');
}

export function commandHelp(command: Command, { colors, columns }: Sight): string {
  const flags = Object.entries(command.flags).map(([name, { short, value, help, multiple }]) => [
    `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
    multiple === true ? `${help} (may be repeated)` : help,
  ]);
  return [
    ...wrap(command.summary, columns),
    '',
    `${colors.bold('Usage')}  fynlo-bench ${command.name} ${command.positionals} [flags]`,
    '',
    ...rows([...flags, ['-h, --help', 'show this']], columns),
    '',
    colors.bold('Examples'),
    ...command.examples.map((example) => `  ${example}`),
    '',
    ...section(colors.bold('Exit codes'), EXIT_CODES, columns),
  ].join('\n');
}

function section(title: string, text: string, columns: number): string[] {
  return [title, ...wrap(text, columns - 2).map((line) => `  ${line}`)];
}

function rows(cells: readonly (readonly string[])[], columns: number): string[] {
  return textTable([{ title: '' }, { title: '' }], wrapLast(cells, columns - 2))
    .slice(1)
    .map((line) => `  ${line}`);
}
