import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import type { CaseOrder, CaseReply } from './case_process.ts';
import type { Fault, FaultCriterion, FaultMetrics } from './fault.ts';

export type CellVerdict = 'pass' | 'fail' | 'hangs' | 'crashes' | 'not-applicable' | 'skipped';

/** What came of one pool meeting one fault. */
export interface Cell {
  readonly fault: string;
  readonly subject: string;
  readonly verdict: CellVerdict;
  /** What it did not do, in words; why it was not tried. */
  readonly reasons: readonly string[];
  /** null: never, while the case watched. */
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly notes: readonly string[];
  readonly tookMs: number;
}

/** The case itself is wrong, or its server could not be had: there is no result. */
export class CaseBrokenError extends Error {
  override readonly name = 'CaseBrokenError';

  constructor(fault: string, subject: string, why: string) {
    super(`${fault} of ${subject} could not be run: ${why}`);
  }
}

const DEFAULT_LIMIT_MS = 25_000;
/** How long a process may take to end by itself once its case is over, ms. */
const EXIT_MS = 3_000;

/** The entry point of a case, found by the package's own `exports`: it must be the build, wherever this file is. */
function builtEntry(): string {
  return createRequire(import.meta.url).resolve('@fynlo/bench/fault-case');
}

/** Runs one case in a fresh process. Rejects with the signal's reason when aborted, and when the case is broken. */
export async function runCase(
  fault: Fault,
  order: CaseOrder,
  signal: AbortSignal,
  entry: string = builtEntry(),
): Promise<Cell> {
  signal.throwIfAborted();
  const begun = performance.now();
  const child = fork(entry, [], {
    execArgv: [...(fault.nodeFlags ?? [])],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'advanced', // JSON has no Infinity
    // Its own group: a Ctrl-C reaches the runner alone, which ends the case in order.
    detached: true,
  });
  const output = collect(child);
  try {
    const limitMs = (fault.limitMs?.[order.profile] ?? DEFAULT_LIMIT_MS) * order.timeFactor;
    const ending = await ended(child, order, limitMs, signal);
    const cell = (
      verdict: CellVerdict,
      reasons: readonly string[],
      metrics: FaultMetrics = {},
      notes: readonly string[] = [],
    ): Cell => ({
      fault: fault.id,
      subject: order.subject,
      verdict,
      reasons,
      metrics: finite(metrics),
      notes,
      tookMs: Math.round(performance.now() - begun),
    });
    const { reply } = ending;
    if (reply === undefined) {
      return ending.how === 'limit'
        ? cell('hangs', [`the case did not end within ${limitMs / 1_000} s`])
        : cell('crashes', [`its process ended with ${ending.how}: ${lastLine(output())}`]);
    }
    if (reply.kind === 'broken') throw new CaseBrokenError(fault.id, order.subject, reply.reason);
    if (reply.kind !== 'outcome') return cell(reply.kind, [reply.reason]);
    const reasons = [...reply.findings];
    if (ending.how === 'limit') reasons.push('its process does not end by itself');
    if (reply.uncaught.length > 0) {
      const [first] = reply.uncaught;
      const crash = `${reply.uncaught.length} errors that end a process (${first})`;
      return cell('crashes', [crash, ...reasons], reply.metrics, reply.notes);
    }
    // A case that ended with an error has not measured everything: that error is the reason.
    const judged = fault.criteria.filter(
      ({ metric, optional }) =>
        (reasons.length === 0 && optional !== true) || Object.hasOwn(reply.metrics, metric),
    );
    reasons.unshift(
      ...judged.flatMap((one) =>
        missedText(widened(one, order.timeFactor), reply.metrics[one.metric]),
      ),
    );
    return cell(reasons.length === 0 ? 'pass' : 'fail', reasons, reply.metrics, reply.notes);
  } finally {
    if (child.exitCode === null && child.signalCode === null) killGroup(child);
  }
}

interface Ending {
  readonly reply: CaseReply | undefined;
  /** `limit`: it was still there when its time was up. */
  readonly how: string;
}

function ended(
  child: ChildProcess,
  order: CaseOrder,
  limitMs: number,
  signal: AbortSignal,
): Promise<Ending> {
  return new Promise((resolve, reject) => {
    let reply: CaseReply | undefined;
    const settle = (how: string): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve({ reply, how });
    };
    let timer = setTimeout(() => settle('limit'), limitMs);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    child.once('message', (message: CaseReply) => {
      reply = message;
      clearTimeout(timer);
      timer = setTimeout(() => settle('limit'), EXIT_MS);
    });
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('exit', (code, killedBy) => settle(String(killedBy ?? code)));
    child.send(order, (error) => {
      // It died before it could be asked: 'exit' tells.
      if (error !== null) return;
    });
  });
}

/** The process and what it may have started. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

function collect(child: ChildProcess): () => string {
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return () => output;
}

function lastLine(output: string): string {
  const lines = output.trim().split('\n');
  return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? '';
}

function finite(metrics: FaultMetrics): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => [
      name,
      Number.isFinite(value) ? Math.round(value * 100) / 100 : null,
    ]),
  );
}

/** Whether a number is within its bound. */
export function meets({ op, bound }: FaultCriterion, value: number | null | undefined): boolean {
  if (value === undefined || value === null || Number.isNaN(value)) return false;
  if (op === '<=') return value <= bound;
  return op === '>=' ? value >= bound : value === bound;
}

function widened(criterion: FaultCriterion, timeFactor: number): FaultCriterion {
  return criterion.unit === 'ms'
    ? { ...criterion, bound: criterion.bound * timeFactor }
    : criterion;
}

function missedText(criterion: FaultCriterion, value: number | undefined): string[] {
  if (meets(criterion, value)) return [];
  const { meaning, op, bound } = criterion;
  return [`${meaning}: ${measuredText(criterion, value)} (${op} ${withUnit(criterion, bound)})`];
}

/** `1,234 ms`, `never` */
export function measuredText(criterion: FaultCriterion, value: number | null | undefined): string {
  if (value === undefined) return '-';
  return value === null || !Number.isFinite(value) ? 'never' : withUnit(criterion, value);
}

function withUnit({ unit }: FaultCriterion, value: number): string {
  const text = value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 2 : 0 });
  return unit === '' || unit === '/s' ? `${text}${unit}` : `${text} ${unit}`;
}
