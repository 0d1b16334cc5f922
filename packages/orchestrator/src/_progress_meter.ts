import type { PoolProgress, ProgressEvent } from './progress.ts';
import type { ScenarioName } from './scenario.ts';

/** About how long the scenarios take relative to each other: what the percentage is computed from. */
const SHARE: Readonly<Record<ScenarioName, number>> = {
  scaling: 55,
  resources: 15,
  cache: 12,
  memory: 8,
  recovery: 10,
};

/** Turns "this far into that scenario" into "this far into the run", never going back. */
export class ProgressMeter {
  readonly #listener: ((event: ProgressEvent) => void) | undefined;
  readonly #scenarios: readonly ScenarioName[];
  readonly #pool: () => PoolProgress | null;
  #percent = 0;

  constructor(
    listener: ((event: ProgressEvent) => void) | undefined,
    scenarios: readonly ScenarioName[],
    pool: () => PoolProgress | null,
  ) {
    this.#listener = listener;
    this.#scenarios = scenarios;
    this.#pool = pool;
  }

  /** @param fraction of the scenario, or without one of the phase, 0..1 */
  tell(
    phase: ProgressEvent['phase'],
    scenario: ScenarioName | null,
    fraction: number,
    message: string,
  ): void {
    if (this.#listener === undefined) return;
    this.#percent = Math.max(this.#percent, this.#percentAt(phase, scenario, fraction));
    try {
      this.#listener({ phase, scenario, percent: this.#percent, pool: this.#pool(), message });
    } catch {
      // A display that fails must not end a run of minutes.
    }
  }

  #percentAt(
    phase: ProgressEvent['phase'],
    scenario: ScenarioName | null,
    fraction: number,
  ): number {
    if (phase === 'initialize') return 0;
    if (scenario === null) return phase === 'run' ? 0 : 100;
    const whole = this.#scenarios.reduce((sum, name) => sum + SHARE[name], 0);
    const index = this.#scenarios.indexOf(scenario);
    const before = this.#scenarios
      .slice(0, Math.max(0, index))
      .reduce((sum, name) => sum + SHARE[name], 0);
    return Math.min(99, (100 * (before + SHARE[scenario] * Math.min(1, fraction))) / whole);
  }
}
