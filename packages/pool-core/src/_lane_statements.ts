/**
 * What is known of the statements that were asked for: whether they may share a lane, and how long they take.
 */

import { LearnedStatement } from './_learned_statement.ts';
import { type Examined, examine } from './_pg_lane_eligibility_policy.ts';
import { RecentMap } from './_recent_map.ts';
import type { SlowTuning } from './_slow_statement_policy.ts';

/** What is known of one text. */
export interface KnownText {
  readonly preparable: boolean;
  /** Undefined: it may not share. */
  readonly learned: LearnedStatement | undefined;
}

/** Texts longer than this are looked at anew each time rather than kept. */
const KEPT_LENGTH = 4_096;
const TEXTS = 2_000;
const STATEMENTS = 1_000;
/** Executions that count in what statements take at present: more than of one statement, as there are several. */
const TYPICAL_OF = 128;

/** A look-up in a Map per query; memory is bounded whatever texts come. */
export class LaneStatements {
  readonly #texts = new RecentMap<KnownText>(TEXTS);
  readonly #learned = new RecentMap<LearnedStatement>(STATEMENTS);

  #typicalMs = 0;

  /** An execution on a lane took `ms` by itself. */
  ranShared(learned: LearnedStatement, ms: number, tuning: SlowTuning): void {
    this.#typicalMs += (ms - this.#typicalMs) / TYPICAL_OF;
    learned.ranShared(ms, this.#typicalMs, tuning);
  }

  /** An execution on a connection of its own took `ms`. */
  ranAlone(learned: LearnedStatement, ms: number, tuning: SlowTuning): void {
    learned.ranAlone(ms, this.#typicalMs, tuning);
  }

  of(text: string): KnownText {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const made = this.#know(examine(text));
    if (text.length <= KEPT_LENGTH) this.#texts.set(text, made);
    return made;
  }

  #know({ shareable, preparable, normalised }: Examined): KnownText {
    if (!shareable) return { preparable, learned: undefined };
    let learned = this.#learned.get(normalised);
    if (learned === undefined) {
      learned = new LearnedStatement(normalised);
      this.#learned.set(normalised, learned);
    }
    return { preparable, learned };
  }

  /** Those that run on connections of their own now, the slowest first. */
  slow(): LearnedStatement[] {
    return [...this.#learned.values()]
      .filter(({ slow }) => slow)
      .sort((a, b) => b.meanMs - a.meanMs);
  }
}
