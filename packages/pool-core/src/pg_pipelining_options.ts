/**
 * How one-shot queries share connections.
 *
 * @module
 */

/** What `pipelining` takes instead of `true`. The defaults are measured; there is seldom a reason to change them. */
export interface PipeliningOptions {
  /**
   * The most connections that are shared at once, while the server takes next to nothing for a query. More do not help then: what
   * several queries send and receive together is cheaper on one. Where it has work to do (0.5 ms a query and more), as many are
   * shared as `max` allows, but one.
   * @default 4
   */
  readonly maxLanes?: number | undefined;
  /**
   * The most queries under way on one of them. What is beyond waits in the process, where it can still be taken back.
   * @default 64
   */
  readonly window?: number | undefined;
  /**
   * How many must be under way on each before one more connection is shared. (64 callers on two deep lanes got more through than
   * on four: by a third next to the server, twice as much over 2 ms.)
   * @default 32
   */
  readonly depth?: number | undefined;
  /**
   * For how long a shared connection without queries is kept from the pool's other users, in ms; when they would have to wait
   * they get it at once, but for the last one while there are others to wait for.
   * @default 100
   */
  readonly lingerMs?: number | undefined;
  /**
   * A statement that takes longer than this on average gets a connection of its own, in ms.
   * @default 5
   */
  readonly slowMeanMs?: number | undefined;
  /**
   * So does one of which more than 5 % take longer than this, in ms.
   * @default 20
   */
  readonly slowP95Ms?: number | undefined;
  /**
   * Behind a query that has been running for so long nothing more is sent, in ms.
   * @default 8
   */
  readonly headMs?: number | undefined;
}
