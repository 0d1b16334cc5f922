/**
 * Which fault comes when, derived from a seed alone: the same seed, the same faults.
 *
 * @module
 */
import { seeded } from './_simulation_fixture.ts';

/** One fault, as data. Times in ms. */
export type Fault =
  | { readonly kind: 'reset' | 'half-open' | 'fin-mid-message' }
  | { readonly kind: 'refuse' | 'accept-silent' | 'freeze'; readonly forMs: number }
  | {
      readonly kind: 'blackhole' | 'blackhole-to-client' | 'blackhole-to-server';
      readonly forMs: number;
      /** Whether new connections vanish as well. */
      readonly fresh: boolean;
    }
  | {
      readonly kind: 'delay';
      readonly forMs: number;
      readonly delayMs: number;
      readonly jitterMs: number;
    }
  /** This share of the pool's backends. */
  | { readonly kind: 'terminate'; readonly share: number }
  | {
      readonly kind: 'crash' | 'shutdown-fast' | 'shutdown-immediate';
      readonly downMs: number;
    };

export interface PlannedFault {
  /** Since the beginning of the soak. */
  readonly atMs: number;
  readonly fault: Fault;
}

/** How often each kind comes, relative to the others. */
const WEIGHTS: readonly (readonly [Fault['kind'], number])[] = [
  ['reset', 4],
  ['half-open', 3],
  ['fin-mid-message', 3],
  ['refuse', 3],
  ['accept-silent', 2],
  ['blackhole', 3],
  ['blackhole-to-client', 3],
  ['blackhole-to-server', 2],
  ['delay', 3],
  ['terminate', 5],
  ['freeze', 2],
  ['crash', 3],
  ['shutdown-fast', 1],
  ['shutdown-immediate', 1],
];

/** Between the end of a fault and the next one. */
const CALM_MS = { least: 150, most: 900 };

/**
 * Faults one after the other until `totalMs`. In the first half each of the important kinds comes at least once: a short run that
 * happens to have no crash of the server proves little.
 */
export function soakPlan(seed: number, totalMs: number): PlannedFault[] {
  const random = seeded(seed);
  const between = (least: number, most: number): number =>
    Math.round(least + random() * (most - least));
  const always: Fault['kind'][] = ['crash', 'terminate', 'reset', 'blackhole-to-client'];
  const plan: PlannedFault[] = [];
  let atMs = between(300, 800);
  while (atMs < totalMs) {
    const kind =
      always.length > 0
        ? (always.splice(between(0, always.length - 1), 1)[0] as Fault['kind'])
        : anyKind(random());
    const fault = faultOf(kind, between, random);
    plan.push({ atMs, fault });
    atMs += lastsMs(fault) + between(CALM_MS.least, CALM_MS.most);
  }
  return plan;
}

/** How long a fault itself takes; the restart of a server comes on top. */
function lastsMs(fault: Fault): number {
  if ('forMs' in fault) return fault.forMs;
  return 'downMs' in fault ? fault.downMs : 0;
}

function anyKind(random: number): Fault['kind'] {
  const sum = WEIGHTS.reduce((total, [, weight]) => total + weight, 0);
  let left = random * sum;
  for (const [kind, weight] of WEIGHTS) {
    left -= weight;
    if (left < 0) return kind;
  }
  return 'reset';
}

function faultOf(
  kind: Fault['kind'],
  between: (least: number, most: number) => number,
  random: () => number,
): Fault {
  switch (kind) {
    case 'reset':
    case 'half-open':
    case 'fin-mid-message':
      return { kind };
    case 'refuse':
    case 'accept-silent':
    case 'freeze':
      return { kind, forMs: between(100, 1_200) };
    case 'blackhole':
    case 'blackhole-to-client':
    case 'blackhole-to-server':
      return { kind, forMs: between(200, 2_000), fresh: random() < 0.4 };
    case 'delay':
      return {
        kind,
        forMs: between(300, 1_500),
        delayMs: between(5, 60),
        jitterMs: between(0, 5),
      };
    case 'terminate':
      return { kind, share: 0.2 + random() * 0.8 };
    case 'crash':
    case 'shutdown-fast':
    case 'shutdown-immediate':
      return { kind, downMs: between(50, 800) };
  }
}
