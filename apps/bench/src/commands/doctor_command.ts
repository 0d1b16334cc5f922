import type { Command } from '../cli/command.ts';
import { UsageError } from '../cli/errors.ts';
import { ExitCode } from '../cli/exit_code.ts';
import { choiceFlag, wholeNumberFlag } from '../cli/flags.ts';
import { examine, type Finding } from '../doctor/examine.ts';
import { wrap } from '../report/table.ts';
import type { Terminal } from '../terminal/terminal.ts';

const flags = {
  max: wholeNumberFlag(
    'N',
    { min: 1, max: 100_000 },
    'connections one instance may open (default 10)',
  ),
  instances: wholeNumberFlag('N', { min: 1, max: 100_000 }, 'instances of the service (default 1)'),
  format: choiceFlag(['pretty', 'json'], 'how to print (default pretty)'),
};

export const doctorCommand: Command<typeof flags> = {
  name: 'doctor',
  summary:
    'Looks at this project and its servers for what makes pools and caches misbehave; each finding has its remedy',
  positionals: '',
  flags,
  examples: [
    'DATABASE_URL=postgres://… REDIS_URL=redis://… fynlo-bench doctor --max 50 --instances 12',
    'fynlo-bench doctor --format json',
  ],
  async run(positionals, { max = 10, instances = 1, format = 'pretty' }, { terminal, env }) {
    if (positionals.length > 0)
      throw new UsageError(`doctor takes no arguments, got "${positionals[0]}"`);
    const findings = await examine({
      folder: process.cwd(),
      databaseUrl: env['DATABASE_URL'],
      redisUrl: env['REDIS_URL'],
      nodeOptions: env['NODE_OPTIONS'] ?? '',
      maxConnections: max,
      instances,
    });
    const { colors, columns, out } = terminal;
    if (format === 'json') out.write(`${JSON.stringify(findings, undefined, 2)}\n`);
    else {
      const mark: Record<Finding['level'], string> = {
        ok: colors.green('✓'),
        advice: colors.yellow('!'),
        problem: colors.red('✗'),
        unknown: colors.dim('?'),
      };
      for (const { level, what, remedy } of findings) {
        const lines = [
          ...wrap(what, columns - 2).map((line, i) => `${i === 0 ? mark[level] : ' '} ${line}`),
          ...wrap(remedy ?? '', columns - 4).flatMap((line, i) =>
            line === '' ? [] : [`  ${i === 0 ? colors.dim('→') : ' '} ${line}`],
          ),
        ];
        out.write(`${lines.join('\n')}\n`);
      }
      out.write(`\n${tally(findings, colors)}\n`);
    }
    return findings.some(({ level }) => level === 'problem')
      ? ExitCode.unfitEnvironment
      : ExitCode.ok;
  },
};

function tally(findings: readonly Finding[], colors: Terminal['colors']): string {
  const count = (level: Finding['level']): number =>
    findings.filter((finding) => finding.level === level).length;
  const parts = [
    ...(count('problem') === 0 ? [] : [colors.red(`${count('problem')} to repair`)]),
    ...(count('advice') === 0 ? [] : [colors.yellow(`${count('advice')} to consider`)]),
    ...(count('unknown') === 0 ? [] : [`${count('unknown')} not looked at`]),
    colors.green(`${count('ok')} in order`),
  ];
  return parts.join(', ');
}
