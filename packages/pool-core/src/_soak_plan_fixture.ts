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
  /** It strikes when so many transfers have been committed since the last one was over: counts, unlike times, can be had again. */
  readonly afterCommits: number;
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

/** Commits between the end of a fault and the next one. */
const CALM = { least: 20, most: 120 };

/**
 * Faults one after the other, without end. The first four are of the important kinds: a short run that happens to have no crash
 * of the server proves little.
 */
export function* faultsOf(seed: number): Generator<PlannedFault, never> {
  const random = seeded(seed);
  const between = (least: number, most: number): number =>
    Math.round(least + random() * (most - least));
  const always: Fault['kind'][] = ['crash', 'terminate', 'reset', 'blackhole-to-client'];
  for (;;) {
    const kind =
      always.length > 0
        ? (always.splice(between(0, always.length - 1), 1)[0] as Fault['kind'])
        : anyKind(random());
    yield {
      afterCommits: between(CALM.least, CALM.most),
      fault: faultOf(kind, between, random),
    };
  }
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
