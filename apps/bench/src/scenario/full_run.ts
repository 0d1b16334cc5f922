/** The four scenarios of the full run, as the command line names them; the orchestrator owns them. */
export const FULL_RUN = [
  {
    name: 'scaling',
    weight: 40,
    summary: 'up to 500 real connections at three load levels, and back',
  },
  {
    name: 'resources',
    weight: 40,
    summary: 'memory, CPU, network and GC without and with the optimizer',
  },
  { name: 'cache', weight: 15, summary: 'Redis tuning, invalidation, hit ratio, response time' },
  {
    name: 'memory',
    weight: 5,
    summary: 'injected leaks are found, named and stopped; healthy loads stay quiet',
  },
] as const;

export type FullRunName = (typeof FULL_RUN)[number]['name'];
