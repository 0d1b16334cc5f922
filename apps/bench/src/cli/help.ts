import { textTable } from '../report/table.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Command } from './command.ts';

type Colors = Terminal['colors'];

const EXIT_CODES =
  '0 all met · 1 crash · 2 usage · 3 unfit environment · 98 regression · 99 threshold missed · 130 interrupted';

export function programHelp(commands: readonly Command[], colors: Colors): string {
  return [
    'fynlo-bench measures connection pools, caches and guards on real PostgreSQL and Redis servers.',
    '',
    `${colors.bold('Usage')}  fynlo-bench COMMAND [...]`,
    '',
    ...rows(commands.map(({ name, positionals, summary }) => [`${name} ${positionals}`, summary])),
    '',
    'fynlo-bench COMMAND --help tells its flags and gives examples.',
    `${colors.bold('Exit codes')}  ${EXIT_CODES}`,
    `${colors.bold('Environment')}  DATABASE_URL and REDIS_URL name servers to use instead of starting own ones; NO_COLOR, CI`,
  ].join('\n');
}

export function commandHelp(command: Command, colors: Colors): string {
  const flags = Object.entries(command.flags).map(([name, { short, value, help, multiple }]) => [
    `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
    multiple === true ? `${help} (may be repeated)` : help,
  ]);
  return [
    command.summary,
    '',
    `${colors.bold('Usage')}  fynlo-bench ${command.name} ${command.positionals} [flags]`,
    '',
    ...rows([...flags, ['-h, --help', 'show this']]),
    '',
    colors.bold('Examples'),
    ...command.examples.map((example) => `  ${example}`),
    '',
    `${colors.bold('Exit codes')}  ${EXIT_CODES}`,
  ].join('\n');
}

function rows(cells: readonly (readonly string[])[]): string[] {
  return textTable([{ title: '' }, { title: '' }], cells)
    .slice(1)
    .map((line) => `  ${line}`);
}
