import type { RoundContext, RoundOutcome, Subject } from '../scenario/scenario.ts';

/**
 * A library at settings its documentation recommends: something of the same interface as the others of its kind is made by
 * `open`. The library is loaded then, not before.
 */
export interface SubjectKind<Options, Opened> {
  readonly name: string;
  readonly settings: string;
  readonly notBuilt?: string;
  open(options: Options): Promise<Opened>;
}

/** Makes subjects of kinds: each round opens one, works with it, and closes it. */
export function subjectsOf<Options, Opened>(
  kinds: readonly SubjectKind<Options, Opened>[],
  work: (
    open: SubjectKind<Options, Opened>['open'],
    context: RoundContext,
  ) => Promise<RoundOutcome>,
): Subject[] {
  return kinds.map(({ name, settings, notBuilt, open }) => ({
    name,
    settings,
    ...(notBuilt === undefined ? {} : { notBuilt }),
    round: (context) => work(open, context),
  }));
}
