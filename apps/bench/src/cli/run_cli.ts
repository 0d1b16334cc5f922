import type { Command, CommandContext } from './command.ts';
import { CliError, UsageError } from './errors.ts';
import { ExitCode } from './exit_code.ts';
import { parseFlags } from './flags.ts';
import { commandHelp, programHelp } from './help.ts';
import { unknownName } from './suggest.ts';

/** Runs one command line and returns the exit code; it throws nothing. */
export async function runCli(
  commands: readonly Command[],
  args: readonly string[],
  context: CommandContext,
): Promise<ExitCode> {
  const { out, err, colors } = context.terminal;
  try {
    const [name, ...rest] = args;
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      const asked = commands.find((command) => command.name === rest[0]);
      out.write(
        `${asked === undefined ? programHelp(commands, context.terminal) : commandHelp(asked, context.terminal)}\n`,
      );
      return name === undefined ? ExitCode.usage : ExitCode.ok;
    }
    const command = commands.find((candidate) => candidate.name === name);
    if (command === undefined) {
      throw new UsageError(
        unknownName(
          'command',
          name,
          commands.map((c) => c.name),
        ),
      );
    }
    if (rest.includes('--help') || rest.includes('-h')) {
      out.write(`${commandHelp(command, context.terminal)}\n`);
      return ExitCode.ok;
    }
    const { positionals, flags } = parseFlags(rest, command.flags);
    return await command.run(positionals, flags, context);
  } catch (error) {
    if (context.signal.aborted) {
      err.write(`fynlo-bench: interrupted\n`);
      return ExitCode.interrupted;
    }
    if (error instanceof CliError) {
      err.write(`${colors.red('fynlo-bench:')} ${error.message}\n`);
      return error.exitCode;
    }
    err.write(
      `${colors.red('fynlo-bench: crashed:')} ${(error as Error)?.stack ?? String(error)}\n`,
    );
    return ExitCode.crash;
  }
}
