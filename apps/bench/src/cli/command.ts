import type { Terminal } from '../terminal/terminal.ts';
import type { ExitCode } from './exit_code.ts';
import type { FlagSpecs, FlagValues } from './flags.ts';

/** What a command is given besides its flags. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C or SIGTERM: stop, clean up, and return `ExitCode.interrupted`. */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
}

/** One command of the CLI; `--help` is made from its fields. */
export interface Command<Flags extends FlagSpecs = FlagSpecs> {
  readonly name: string;
  readonly summary: string;
  /** The positional arguments, as the usage line shows them, e.g. `[scenario...]`. */
  readonly positionals: string;
  readonly flags: Flags;
  /** Lines shown under "Examples". */
  readonly examples: readonly string[];
  run(
    positionals: readonly string[],
    flags: FlagValues<Flags>,
    context: CommandContext,
  ): Promise<ExitCode>;
}
