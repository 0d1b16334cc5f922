/**
 * When a connection that is waited on has been silent for too long. Pure.
 */

/** What was last seen of a connection that a statement runs on. */
export interface Silence {
  /** Bytes that had come from the server. */
  readonly bytes: number;
  /** The statement; another one begins a new silence. */
  readonly statement: object;
  /** Since when nothing has come. */
  readonly since: number;
}

/** One more look at a connection: the silence goes on only while the same statement runs and no byte has come. */
export function listen(
  before: Silence | undefined,
  bytes: number,
  statement: object,
  now: number,
): Silence {
  if (before !== undefined && before.bytes === bytes && before.statement === statement) {
    return before;
  }
  return { bytes, statement, since: now };
}

export function isSuspect(silence: Silence, now: number, silenceMs: number): boolean {
  return now - silence.since >= silenceMs;
}

/** A statement that was answered after a silence makes the next one this much more patient. */
const PATIENCE = 3;
/** How much of it is left at the next look, ten times a second: half of it after 17 s. */
const KEPT = 0.996;

/** The longest silence of late that ended with an answer, one look later. */
export function forgetting(longestMs: number): number {
  return longestMs * KEPT;
}

/**
 * How long a silence must be to be asked about: a network that loses packets keeps its connections silent for seconds and sends
 * again. Between `silenceMs` and three times that.
 */
export function patienceMs(silenceMs: number, longestMs: number): number {
  return Math.min(PATIENCE * silenceMs, Math.max(silenceMs, PATIENCE * longestMs));
}

/**
 * Between the two questions: an answer may have been on its way when the first was asked. It took a quarter of the connect at
 * most, which is four ways or more; 50 ms are for a server whose answer is held up, 500 ms of a slow network are enough.
 */
export function againMs(connectMs: number): number {
  return Math.min(500, Math.max(50, connectMs));
}

/** What `pg_stat_activity` says of a backend; no row: the backend is gone. */
export interface BackendActivity {
  readonly pid: number;
  /** null: the server does not tell this user. */
  readonly state: string | null;
}

/**
 * The suspects whose backends do not work on what they are waited for: gone, or idle. What is active is a slow
 * statement, and what the server does not tell is left alone as well.
 */
export function deadBackends(
  suspects: readonly number[],
  activities: readonly BackendActivity[],
): Set<number> {
  const states = new Map(activities.map(({ pid, state }) => [pid, state]));
  return new Set(
    suspects.filter((pid) => {
      const state = states.get(pid);
      return state === undefined || state?.startsWith('idle') === true;
    }),
  );
}
