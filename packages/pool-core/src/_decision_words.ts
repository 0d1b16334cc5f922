/**
 * A decision about a pool's size as a sentence.
 *
 * @module
 */
import type { ScalingEvent, ScalingReason, ServerCapacity } from './contract.ts';

/** One decision, or several in a row that are one to a reader: a size that goes down by a tenth each second. */
export interface Told {
  readonly reason: ScalingReason;
  readonly from: number;
  to: number;
  readonly firstAt: number;
  lastAt: number;
  steps: number;
  /** Of the last step, or of that in which most acquires waited. */
  inputs: Inputs;
}

type Inputs = Readonly<Record<string, number>>;

const WHY: Readonly<
  Record<ScalingReason, (of: (name: string) => string, inputs: Inputs) => string>
> = {
  minimum: () => 'to keep the minimum open',
  waiters: (of, { connectMs, holdMs }) => {
    const connect = connectMs === undefined ? '' : ` (${of('connectMs')} ms)`;
    const held = holdMs === undefined ? '' : `, held for ${of('holdMs')} ms each`;
    return `as a connect${connect} was sooner for the ${of('waiting')} waiting than a connection coming back (${of('leased')} leased${held})`;
  },
  'utilization-high': (_, { utilization, threshold }) =>
    `as ${percent(utilization)} of the connections were leased, above the threshold of ${percent(threshold)} for some seconds`,
  'utilization-low': (_, { utilization, threshold }) =>
    `as ${percent(utilization)} of the connections were leased, and for a minute never as much as the threshold of ${percent(threshold)}`,
  idle: () => 'as connections were idle for longer than the idle timeout',
  warm: () => 'as a caller asked to be warm',
  resize: (of) => `as a caller changed the bounds (${of('min')} to ${of('max')})`,
  'ceiling-step': (of) =>
    `step by step with the size (${of('open')} open, ${of('waiting')} acquires wait)`,
  'ceiling-frozen': (of) => `as ${compared(of)}`,
  'ceiling-cut': (of, { correlation = 0 }) =>
    `as throughput fell to ${of('ratePerSecond')}/s, from a recent best of ${of('bestRatePerSecond')}/s${correlation < -0.5 ? ', lower with each growth' : ''}`,
  'ceiling-probe': probe,
  'event-loop-saturated': (of) =>
    `though ${of('waiting')} acquires wait: this process's own event loop is saturated, which no connection mends`,
  'server-limit': (of, { open }) =>
    open === undefined
      ? `to see whether the server has room for the ${of('waiting')} waiting by now`
      : `as the server refused one more with ${open} open: it had no room`,
  'server-capacity': (_, inputs) => `by the server's own limits: ${limitsOf(inputs)}`,
  outage: (of) => `as the server could not be reached; ${of('waiting')} acquires wait`,
};

/** What a server says of its room. */
export function limitsOf(capacity: Partial<ServerCapacity>): string {
  const { maxConnections, reserved, roleLimit, databaseLimit } = capacity;
  const words = [`max_connections ${maxConnections}`];
  if (reserved) words.push(`${reserved} reserved`);
  if (roleLimit !== undefined) words.push(`role limit ${roleLimit}`);
  if (databaseLimit !== undefined) words.push(`database limit ${databaseLimit}`);
  return words.join(', ');
}

function compared(of: (name: string) => string): string {
  return `${of('leased')} leased connections did ${of('ratePerSecond')}/s where ${of('leasedBefore')} had done ${of('ratePerSecondBefore')}/s`;
}

/** Why the ceiling was moved without being sure: the inputs tell which of four it was. */
function probe(of: (name: string) => string, inputs: Inputs): string {
  if (inputs['thinking'] !== undefined) {
    return `for ${of('waiting')} waiting acquires, as callers hold connections without using them`;
  }
  if (inputs['leasedBefore'] !== undefined) {
    return `given back: ${compared(of)}`;
  }
  const fewer = inputs['bestRatePerSecond'] !== undefined;
  return fewer
    ? `to see whether fewer connections do as much as ${of('ratePerSecond')}/s`
    : `to see whether more connections do more than ${of('ratePerSecond')}/s`;
}

/** Whether this is about what the pool may have, not what it has. */
export function isOfCeiling(reason: ScalingReason): boolean {
  return /^(ceiling|server|event|resize)/.test(reason);
}

/** Joins what follows from each other, the oldest first. */
export function joined(events: readonly ScalingEvent[]): Told[] {
  const told: Told[] = [];
  for (const { at, from, to, reason, inputs } of events) {
    const last = told.at(-1);
    const onward = last !== undefined && last.reason === reason && last.to === from;
    if (onward && Math.sign(to - from) === Math.sign(last.to - last.from)) {
      const before = last.inputs['waiting'] ?? 0;
      const worst = (inputs['waiting'] ?? 0) < before ? last.inputs : inputs;
      Object.assign(last, { to, inputs: worst, lastAt: at, steps: last.steps + 1 });
    } else {
      told.push({ reason, from, to, inputs, firstAt: at, lastAt: at, steps: 1 });
    }
  }
  return told;
}

/** "12 s ago: ceiling 40 -> 20, as ..." */
export function sentence(told: Told, now: number): string {
  const { reason, from, to, steps, inputs } = told;
  const what = isOfCeiling(reason) ? 'ceiling' : 'size';
  const change = from === to ? `held at ${to}` : `${from} -> ${to}`;
  const inSteps = steps === 1 ? '' : ` in ${steps} steps`;
  const of = (name: string): string => plain(inputs[name] ?? Number.NaN);
  const when =
    steps === 1
      ? ago(now - told.lastAt)
      : `${ago(now - told.firstAt)} to ${ago(now - told.lastAt)}`;
  return `${when}: ${what} ${change}${inSteps}, ${WHY[reason](of, inputs)}`;
}

function percent(share: number = Number.NaN): string {
  return `${plain(100 * share)} %`;
}

/** Three digits are enough to act on, and none of them is an exponent. */
export function plain(value: number): string {
  return Number.isNaN(value) ? '?' : String(Number(value.toPrecision(3)));
}

function ago(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 120) return `${plain(Math.round(seconds * 10) / 10)} s ago`;
  return seconds < 7_200
    ? `${Math.round(seconds / 60)} min ago`
    : `${plain(seconds / 3_600)} h ago`;
}
