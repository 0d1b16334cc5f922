import type { Command } from '../cli/command.ts';
import { ExitCode } from '../cli/exit_code.ts';
import { choiceFlag, wholeNumberFlag } from '../cli/flags.ts';
import { examine, type Finding } from '../doctor/examine.ts';

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
  async run(_, { max = 10, instances = 1, format = 'pretty' }, { terminal, env }) {
    const findings = await examine({
      folder: process.cwd(),
      databaseUrl: env['DATABASE_URL'],
      redisUrl: env['REDIS_URL'],
      nodeOptions: env['NODE_OPTIONS'] ?? '',
      maxConnections: max,
      instances,
    });
    const { colors, out } = terminal;
    if (format === 'json') out.write(`${JSON.stringify(findings, undefined, 2)}\n`);
    else {
      const mark: Record<Finding['level'], string> = {
        ok: colors.green('✓'),
        advice: colors.yellow('!'),
        problem: colors.red('✗'),
        unknown: colors.dim('?'),
      };
      for (const { level, what, remedy } of findings) {
        out.write(
          `${mark[level]} ${what}\n${remedy === undefined ? '' : `  ${colors.dim('→')} ${remedy}\n`}`,
        );
      }
    }
    return findings.some(({ level }) => level === 'problem')
      ? ExitCode.unfitEnvironment
      : ExitCode.ok;
  },
};
