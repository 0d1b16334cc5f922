import { LatencyHistogram } from '@fynlo/orchestrator/measurement';

/** The answer of an operation whose response time is not asked about: it counts as completed, and nothing else. */
export const UNTIMED: unique symbol = Symbol('untimed');

/** What a load is made of. */
export interface Load {
  /** One operation; `i` counts up over the whole round, and `from` is when its response time begins. Settles with the answer. */
  readonly operation: (i: number, from: number) => Promise<unknown>;
  /** Operations started before this are not measured. */
  readonly warmupMs: number;
  readonly durationMs: number;
  readonly signal?: AbortSignal;
  /** Called when the warm-up is over: the moment to start counting CPU. */
  readonly onMeasure?: () => void;
}

/** What came of it, warm-up excluded. */
export interface LoadResult {
  readonly completed: number;
  readonly failed: number;
  /** The first failure, for the message; a scenario that expects none throws it. */
  readonly firstError: unknown;
  readonly elapsedMs: number;
  /** From the intended start (open loop) or the actual one (closed loop) to the answer, but for {@link UNTIMED} ones. */
  readonly response: LatencyHistogram;
  /** From the actual start to the answer. */
  readonly service: LatencyHistogram;
  /** How late operations started; empty in a closed loop, which has no schedule. */
  readonly lag: LatencyHistogram;
}

/** Counts one load's operations; shared by the open and the closed loop. */
export class LoadRecorder {
  readonly response: LatencyHistogram = new LatencyHistogram();
  readonly service: LatencyHistogram = new LatencyHistogram();
  readonly lag: LatencyHistogram = new LatencyHistogram();
  completed = 0;
  failed = 0;
  firstError: unknown;
  /** Set when the warm-up is over. */
  measuredFrom: number = Number.POSITIVE_INFINITY;

  succeeded(intended: number, started: number, now: number, answer: unknown): void {
    if (intended < this.measuredFrom) return;
    this.completed++;
    if (answer === UNTIMED) return;
    this.response.record(now - intended);
    this.service.record(now - started);
  }

  threw(intended: number, error: unknown): void {
    if (intended < this.measuredFrom) return;
    this.failed++;
    this.firstError ??= error;
  }

  result(elapsedMs: number): LoadResult {
    const { completed, failed, firstError, response, service, lag } = this;
    return { completed, failed, firstError, elapsedMs, response, service, lag };
  }
}
