#!/usr/bin/env node
import { CliError } from './cli/errors.ts';
import { ExitCode } from './cli/exit_code.ts';
import { runCli } from './cli/run_cli.ts';
import { COMMANDS } from './commands/commands.ts';
import { processTerminal } from './terminal/terminal.ts';

const terminal = processTerminal(process.env);
const interruption = new AbortController();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Asked twice: what this process started is ended by the servers' keepers and by the rounds' own watch.
    if (interruption.signal.aborted) process.exit(ExitCode.interrupted);
    interruption.abort(new CliError(`Interrupted by ${signal}`, ExitCode.interrupted));
  });
}

// `| head` has read enough, or the terminal is gone: what runs is ended in order, and nobody is there to be told.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', () =>
    interruption.abort(new CliError('Nobody reads the output', ExitCode.interrupted)),
  );
}

process.exitCode = await runCli(COMMANDS, process.argv.slice(2), {
  terminal,
  signal: interruption.signal,
  env: process.env,
});
