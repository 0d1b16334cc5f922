import pc from 'picocolors'; // 2 kB, no dependency; knows NO_COLOR, FORCE_COLOR and CI

/** Where the program writes: results to `out`, progress and remarks to `err`. */
export interface Terminal {
  readonly out: NodeJS.WritableStream;
  readonly err: NodeJS.WritableStream;
  /** Whether `err` is a terminal on which a line may be rewritten. */
  readonly live: boolean;
  readonly columns: number;
  readonly colors: ReturnType<typeof pc.createColors>;
}

export function processTerminal(env: NodeJS.ProcessEnv): Terminal {
  const live = process.stderr.isTTY === true && env['CI'] === undefined && env['TERM'] !== 'dumb';
  return {
    out: process.stdout,
    err: process.stderr,
    live,
    columns: known(process.stderr.columns) ?? 100,
    colors: pc.createColors(pc.isColorSupported),
  };
}

/** A terminal that nobody has told its size (`script` in a pipe) says that it has 0 columns. */
function known(columns: number | undefined): number | undefined {
  return columns === 0 ? undefined : columns;
}
