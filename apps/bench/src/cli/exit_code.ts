/** What each exit code of `fynlo-bench` means. 99 is k6's number for a crossed threshold, 130 the shell's for Ctrl-C. */
export const ExitCode = {
  ok: 0,
  crash: 1,
  usage: 2,
  unfitEnvironment: 3,
  regression: 98,
  threshold: 99,
  interrupted: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
