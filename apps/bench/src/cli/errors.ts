import { ExitCode } from './exit_code.ts';

/** An error the user is told of in one line, without a stack; it ends the program with `exitCode`. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The command line itself is wrong: an unknown command, flag, scenario or value. Exit code 2. */
export class UsageError extends CliError {
  override readonly name = 'UsageError';

  constructor(message: string, options?: ErrorOptions) {
    super(message, ExitCode.usage, options);
  }
}

/** The command line is right, but this machine or its servers cannot do what it asks. Exit code 3. */
export class EnvironmentError extends CliError {
  override readonly name = 'EnvironmentError';

  constructor(message: string, options?: ErrorOptions) {
    super(message, ExitCode.unfitEnvironment, options);
  }
}
