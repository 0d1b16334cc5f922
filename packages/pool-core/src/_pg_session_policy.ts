/**
 * What a statement leaves behind in its session, and the statements that undo exactly that.
 *
 * `DISCARD ALL` would be simpler and wrong: it drops the prepared statements that pg still believes parsed, and the next
 * named query fails with 26000. So each kind of state is tracked and undone by itself (npgsql's way), and a session
 * nobody touched costs no round trip.
 */

/** Kinds of state that outlive a transaction. What a statement or a session has of them is a sum. */
export const SETTINGS = 1;
export const ROLE = 2;
export const AUTHORIZATION = 4;
export const LISTENING = 8;
export const TEMPORARY = 16;
export const ADVISORY_LOCK = 32;
export const HELD_CURSOR = 64;
export const PREPARED = 128;
/** What pg believes prepared is gone: only a new session is right again. */
export const STATEMENTS_LOST = 256;

/** All that can be undone without knowing a name. */
export const NAMELESS: number =
  SETTINGS | ROLE | AUTHORIZATION | LISTENING | TEMPORARY | ADVISORY_LOCK | HELD_CURSOR;

/** What one statement leaves behind, or a session by now. */
export interface Traces {
  readonly kinds: number;
  /** The settings changed, lower case; `undefined` when one of them has a name that was not understood. */
  readonly settings: readonly string[] | undefined;
  /** Names of SQL-level prepared statements, as written. */
  readonly prepared: readonly string[];
}

export const NO_TRACES: Traces = { kinds: 0, settings: [], prepared: [] };

/** No statement is looked at beyond this many characters: what a longer one does further on is not seen. */
const LOOKED_AT = 16_384;

// A statement begins at the text's start or behind a semicolon, after any comments.
const START = String.raw`(?:^|;)(?:\s|--[^\n]*\n|/\*[\s\S]*?\*/)*`;
const PART = String.raw`(?:"(?:[^"]|"")+"|[^\s"'=;(,.]+)`;
const NAME = String.raw`${PART}(?:\.${PART})*`;
const begin = (rest: string): RegExp => new RegExp(START + rest, 'gi');

/** Cheap and almost never wrong about a clean statement; the patterns below decide. */
const HINT =
  /advisory_lock|set_config|pg_settings|set_limit|isn_weak|u&"|\btemp(?:orary)?\b|\bpg_temp\b|(?:^|[;\s/])(?:set|listen|prepare|declare|discard|deallocate|do)\s/i;
const SET = begin(
  String.raw`set\s+(?!local\b|constraints\b|transaction\b|seed\b)(?:session\s+(?!authorization\b|characteristics\b))?(session\s+\w+|time\s+zone|${NAME})`,
);
const SET_CONFIG = /set_config"?\s*\(\s*(?:'([^']+)')?[^;]*?,\s*([^,;()]+?)\s*\)/gi;
const SET_CONFIG_SAID = /set_config/gi;
/** Of pg_trgm and of isn: each sets one setting for the session. */
const SET_LIMIT = /\bset_limit"?\s*\(/i;
const ISN_WEAK = /\bisn_weak"?\s*\(/i;
/** The view of the settings, whose rule makes `set_config(..., false)` of an update, for whatever rows it finds. */
const SETTINGS_VIEW = /\bpg_settings\b/i;
const UPDATE = /\bupdate\b/i;
/** In quoted identifiers they can spell any function. */
const UNICODE_ESCAPES = /\bu&"/i;
const LITERALLY_TRUE = /^'?t(?:rue)?'?(?:::bool(?:ean)?)?$/i;
const LISTEN = begin(String.raw`listen\s`);
const TEMP =
  /\b(?:create|into)\s+(?:or\s+replace\s+)?(?:(?:local|global)\s+)?temp(?:orary)?\b|\bcreate\b[^;]{0,200}?\bpg_temp\s*\./i;
const ADVISORY = /\badvisory_lock|pg_(?:try_)?advisory_lock(?:_shared)?\s*\(/i;
const HOLD = /\bdeclare\b[\s\S]*?\bwith\s+hold\b/i;
const PREPARE = begin(String.raw`prepare\s+(?!transaction\b)(${NAME})`);
const LOST = begin(String.raw`(?:discard\s+all\b|deallocate\s+(?:prepare\s+)?all\b)`);
const BLOCK = begin(String.raw`do\b`);
const SET_IN_BLOCK = /\bset\s+(?!local\b)|\bexecute\b/i;

/** What `RESET ALL` leaves as it is, although it is a setting. */
const BEYOND_RESET_ALL: Readonly<Record<string, number>> = {
  role: ROLE,
  session_authorization: AUTHORIZATION,
  'session authorization': AUTHORIZATION,
};

/** The settings behind SQL's own spellings. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  'time zone': ['timezone'],
  names: ['client_encoding'],
  schema: ['search_path'],
  xml: ['xmloption'],
  'session characteristics': [
    'default_transaction_isolation',
    'default_transaction_read_only',
    'default_transaction_deferrable',
  ],
};

/** The traces of `text`, were it to succeed. Errs towards a trace that is not there. */
export function tracesOf(text: string): Traces {
  const looked = text.length > LOOKED_AT ? text.slice(0, LOOKED_AT) : text;
  if (!HINT.test(looked)) return NO_TRACES;
  let kinds = 0;
  let understood = true;
  const settings: string[] = [];
  const leave = (...names: readonly string[]): void => {
    for (const name of names) {
      const other = BEYOND_RESET_ALL[name];
      kinds |= other ?? SETTINGS;
      if (other === undefined) settings.push(name);
    }
  };
  const leaveAny = (): void => {
    kinds |= SETTINGS | ROLE | AUTHORIZATION;
    understood = false;
  };
  for (const [, what = ''] of looked.matchAll(SET)) {
    const name = what.toLowerCase().replace(/\s+/g, ' ');
    leave(...(SPELLINGS[name] ?? [name.replaceAll('"', '')]));
  }
  let calls = 0;
  for (const [, name, isLocal = ''] of looked.matchAll(SET_CONFIG)) {
    calls++;
    // Only a literal true is sure to end with the transaction.
    if (LITERALLY_TRUE.test(isLocal)) continue;
    if (name === undefined) leaveAny();
    else leave(name.toLowerCase());
  }
  if (calls !== (looked.match(SET_CONFIG_SAID)?.length ?? 0)) leaveAny();
  if (looked.search(BLOCK) >= 0 && SET_IN_BLOCK.test(looked)) leaveAny();
  if (SETTINGS_VIEW.test(looked) && UPDATE.test(looked)) {
    kinds |= SETTINGS;
    understood = false;
  }
  if (SET_LIMIT.test(looked)) leave('pg_trgm.similarity_threshold');
  if (ISN_WEAK.test(looked)) leave('isn.weak');
  if (UNICODE_ESCAPES.test(looked)) {
    leaveAny();
    kinds |= ADVISORY_LOCK;
  }
  if (looked.search(LISTEN) >= 0) kinds |= LISTENING;
  if (TEMP.test(looked)) kinds |= TEMPORARY;
  if (ADVISORY.test(looked)) kinds |= ADVISORY_LOCK;
  if (HOLD.test(looked)) kinds |= HELD_CURSOR;
  if (looked.search(LOST) >= 0) kinds |= STATEMENTS_LOST;
  const prepared = [...looked.matchAll(PREPARE)].flatMap(([, name]) => name ?? []);
  if (prepared.length > 0) kinds |= PREPARED;
  return kinds === 0 ? NO_TRACES : { kinds, settings: understood ? settings : undefined, prepared };
}

/** Both, one after the other. */
export function together(a: Traces, b: Traces): Traces {
  if (a === NO_TRACES) return b;
  if (b === NO_TRACES) return a;
  return {
    kinds: a.kinds | b.kinds,
    settings:
      a.settings === undefined || b.settings === undefined
        ? undefined
        : [...new Set([...a.settings, ...b.settings])],
    prepared: [...new Set([...a.prepared, ...b.prepared])],
  };
}

/**
 * The statements that take a session with the traces `left` back to how it was when it was set up (by an onConnect hook,
 * say, which left the traces `setUp`), in one text. Undefined when only a new session would be like that.
 */
export function undoing(left: Traces, setUp: Traces): string | undefined {
  const { kinds } = left;
  if ((kinds & STATEMENTS_LOST) !== 0) return undefined;
  // A reset goes back to the login's state, behind what the setup made of it.
  if ((kinds & setUp.kinds & ~SETTINGS) !== 0) return undefined;
  const statements: string[] = [];
  // The session's user first: what follows may need the rights of the one who logged in.
  if ((kinds & AUTHORIZATION) !== 0) statements.push('RESET SESSION AUTHORIZATION');
  if ((kinds & ROLE) !== 0) statements.push('RESET ROLE');
  if ((kinds & SETTINGS) !== 0) {
    if ((setUp.kinds & SETTINGS) === 0) statements.push('RESET ALL');
    else if (left.settings === undefined || setUp.settings === undefined) return undefined;
    else if (left.settings.some((name) => setUp.settings?.includes(name))) return undefined;
    else statements.push(...left.settings.map((name) => `RESET ${quotedPath(name)}`));
  }
  if ((kinds & HELD_CURSOR) !== 0) statements.push('CLOSE ALL');
  if ((kinds & LISTENING) !== 0) statements.push('UNLISTEN *');
  if ((kinds & TEMPORARY) !== 0) statements.push('DISCARD TEMP');
  if ((kinds & PREPARED) !== 0) {
    statements.push(...left.prepared.map((name) => `DEALLOCATE ${name}`));
  }
  if ((kinds & ADVISORY_LOCK) !== 0) statements.push('SELECT pg_catalog.pg_advisory_unlock_all()');
  return statements.join('; ');
}

function quotedPath(name: string): string {
  return name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.');
}
