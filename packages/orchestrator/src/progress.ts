import type { ScenarioName } from './scenario.ts';

export interface PoolProgress {
  readonly size: number;
  readonly leased: number;
  /** 0..1 */
  readonly utilization: number;
  /** Of the responses of the last moments, ms; `null` where none are measured. */
  readonly p95: number | null;
}

/** Told to `onProgress` several times a second. */
export interface ProgressEvent {
  readonly phase: 'initialize' | 'run' | 'report' | 'close';
  readonly scenario: ScenarioName | null;
  /** Of the whole run, 0..100, never going back. */
  readonly percent: number;
  readonly pool: PoolProgress | null;
  readonly message: string;
}
