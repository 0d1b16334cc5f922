/**
 * Which subject goes when: every round has each subject once, and the order is reversed each round, so that a machine
 * that grows warmer, or slower, favours none (hono's benchmarks do the same).
 */
export function roundOrder<T>(
  subjects: readonly T[],
  rounds: number,
): { round: number; subject: T }[] {
  return Array.from({ length: rounds }, (_, round) =>
    (round % 2 === 0 ? [...subjects] : [...subjects].reverse()).map((subject) => ({
      round,
      subject,
    })),
  ).flat();
}
