/**
 * Which statements may share a connection with those of other callers. Pure.
 *
 * Such a statement must be one statement by itself, and must leave the session as it found it: whoever comes next knows
 * nothing of it. Everything that is not known to be so runs on a connection of its own, where it costs speed and no more.
 */

export interface Examined {
  /** Whether it may share. */
  readonly shareable: boolean;
  /** Whether it is a single statement that the server can prepare. */
  readonly preparable: boolean;
  /** The text without literals, comments and layout: what its executions have in common. Empty where it may not share. */
  readonly normalised: string;
}

/** Longer ones are not looked at: they would hold up their neighbours anyway. */
const LONGEST = 32_768;

const FIRST: ReadonlySet<string> = new Set([
  'select',
  'insert',
  'update',
  'delete',
  'merge',
  'with',
  'values',
  'table',
]);

/**
 * Functions that change the session, tell what the session did before, or run any statement they are given as a text. (Of
 * those that begin with `pg_`, the harmless ones are listed instead.)
 */
const NEVER: ReadonlySet<string> = new Set([
  'set_config',
  'set_limit',
  'isn_weak',
  'sepgsql_setcon',
  'setseed',
  'currval',
  'lastval',
  'query_to_xml',
  'query_to_xmlschema',
  'query_to_xml_and_xmlschema',
  'cursor_to_xml',
  'cursor_to_xmlschema',
  'ts_stat',
  'ts_rewrite',
  'connectby',
  'xpath_table',
  'loread',
  'lowrite',
  'postgres_fdw_disconnect',
  'postgres_fdw_disconnect_all',
]);

/**
 * dblink keeps connections in the session, lo_ descriptors, hypopg indexes, orafce's dbms_ packages their state, crosstab runs a text;
 * locks of the session contain "advisory".
 */
const NEVER_LIKE = /^(?:dblink|lo_|crosstab|pg_temp|binary_upgrade_|hypopg|dbms_)|advisory/;

/** What `into` may follow, and what may be in front of that: nothing, or the brackets of a `with`. */
const WRITES: ReadonlySet<string> = new Set(['insert', 'merge']);
const BEFORE_WRITES: ReadonlySet<string> = new Set(['', '(', ')']);

/** Behind `into`: a temporary table, or a table that has such a name. */
const TEMPORARY: ReadonlySet<string> = new Set(['temp', 'temporary', 'local', 'global']);

/** The view of the settings, whose rule makes `set_config(..., false)` of an update. It is the only one like that. */
const SETTINGS_VIEW = 'pg_settings';

/** What of `pg_*()` only reads, or acts on others than the session. */
const PG_HARMLESS =
  /^pg_(?:get_\w+|typeof|sleep|sleep_for|sleep_until|notify|backend_pid|\w*size|size_pretty|size_bytes|\w+_is_visible|current_\w+|is_in_recovery|is_in_backup|is_other_temp_schema|my_temp_schema|encoding_to_char|char_to_encoding|postmaster_start_time|conf_load_time|last_\w+|wal_lsn_diff|walfile_name|stat_get_\w+|blocking_pids|safe_snapshot_blocking_pids|describe_object|identify_object|relation_filenode|relation_filepath|has_role|timezone_names|timezone_abbrevs|options_to_table|partition_\w+|column_compression|listening_channels|snapshot_\w+|visible_in_snapshot|xact_\w+|lock_status|tablespace_\w+|input_is_valid|input_error_info|basetype|char_to_encoding|jit_available|cancel_backend|terminate_backend)$/;

const NO: Examined = { shareable: false, preparable: false, normalised: '' };

const QUOTE = 39;
const DOUBLE_QUOTE = 34;
const DOLLAR = 36;
const DASH = 45;
const SLASH = 47;
const STAR = 42;
const BACKSLASH = 92;
const SEMICOLON = 59;
const OPENING = 40;
const AMPERSAND = 38;

function isSpace(c: number): boolean {
  return c === 32 || (c >= 9 && c <= 13);
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}

const NUMBER = /^(?:0[xob][0-9a-f_]+|[0-9_]*\.?[0-9_]*(?:e[0-9_]*)?)$/i;

function isOfNumber(c: number): boolean {
  return beginsWord(c) || isDigit(c) || c === 46;
}

function beginsWord(c: number): boolean {
  return (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 95 || c >= 128;
}

function goesOnWord(c: number): boolean {
  return beginsWord(c) || isDigit(c) || c === DOLLAR;
}

/** Where the white space and the comments that begin at `i` end; -1 where a comment does not. */
function skipBlank(text: string, i: number): number {
  const { length } = text;
  let at = i;
  for (;;) {
    const c = text.charCodeAt(at);
    if (isSpace(c)) at++;
    else if (c === DASH && text.charCodeAt(at + 1) === DASH) {
      while (at < length && text.charCodeAt(at) !== 10 && text.charCodeAt(at) !== 13) at++;
    } else if (c === SLASH && text.charCodeAt(at + 1) === STAR) {
      at = skipBlockComment(text, at);
      if (at < 0) return -1;
    } else return at;
  }
}

/** They nest. */
function skipBlockComment(text: string, i: number): number {
  let depth = 0;
  let at = i;
  while (at < text.length) {
    const c = text.charCodeAt(at);
    const next = text.charCodeAt(at + 1);
    if (c === SLASH && next === STAR) {
      depth++;
      at += 2;
    } else if (c === STAR && next === SLASH) {
      depth--;
      at += 2;
      if (depth === 0) return at;
    } else at++;
  }
  return -1;
}

/** Behind the closing quote of what was opened at `i`; -1 where there is none. Doubled quotes are part of it. */
function skipQuoted(text: string, i: number, quote: number, escapes: boolean): number {
  let at = i + 1;
  while (at < text.length) {
    const c = text.charCodeAt(at);
    if (c === quote) {
      if (text.charCodeAt(at + 1) !== quote) return at + 1;
      at += 2;
    } else if (c === BACKSLASH && quote === QUOTE) {
      // With standard_conforming_strings off it would be an escape, with on it is not: where the string ends is not known.
      if (!escapes) return -1;
      at += 2;
    } else at++;
  }
  return -1;
}

/** Behind `$tag$ ... $tag$`; -1 where it does not end, -2 where it does not begin one. */
function skipDollarQuoted(text: string, i: number): number {
  let at = i + 1;
  if (isDigit(text.charCodeAt(at))) return -2;
  while (beginsWord(text.charCodeAt(at)) || isDigit(text.charCodeAt(at))) at++;
  if (text.charCodeAt(at) !== DOLLAR) return -2;
  const tag = text.slice(i, at + 1);
  const end = text.indexOf(tag, at + 1);
  return end < 0 ? -1 : end + tag.length;
}

function mayBeSaid(word: string, isCalled: boolean): boolean {
  if (NEVER.has(word) || NEVER_LIKE.test(word)) return false;
  return !isCalled || !word.startsWith('pg_') || PG_HARMLESS.test(word);
}

/** Looks at a text once; its verdict holds for good. Errs towards a connection of its own. */
export function examine(text: string): Examined {
  const { length } = text;
  if (length > LONGEST) return NO;
  const parts: string[] = [];
  let first = '';
  /** The word before, or the character that what was before began with; and the one before that. */
  let last = '';
  let beforeLast = '';
  let shareable = true;
  let updates = false;
  let namesSettings = false;
  let at = 0;
  for (;;) {
    at = skipBlank(text, at);
    if (at < 0) return NO;
    if (at >= length) break;
    const c = text.charCodeAt(at);
    if (beginsWord(c)) {
      const begun = at;
      while (goesOnWord(text.charCodeAt(at))) at++;
      const next = text.charCodeAt(at);
      const prefix = at - begun === 1 ? text[begun]?.toLowerCase() : '';
      if (
        next === QUOTE &&
        (prefix === 'e' || prefix === 'b' || prefix === 'x' || prefix === 'n')
      ) {
        at = skipQuoted(text, at, QUOTE, prefix === 'e');
        if (at < 0) return NO;
        parts.push('?');
        beforeLast = last;
        last = '?';
        continue;
      }
      // Unicode escapes could spell anything.
      if (prefix === 'u' && next === AMPERSAND) {
        const quote = text.charCodeAt(at + 1);
        if (quote === QUOTE || quote === DOUBLE_QUOTE) return NO;
      }
      const word = text.slice(begun, at).toLowerCase();
      if (first === '') {
        if (!FIRST.has(word)) return NO;
        first = word;
      }
      // `select ... into` makes a table, also where what is selected is called "insert".
      if (word === 'into' && !(WRITES.has(last) && BEFORE_WRITES.has(beforeLast))) return NO;
      if (last === 'into' && TEMPORARY.has(word)) return NO;
      updates ||= word === 'update';
      namesSettings ||= word === SETTINGS_VIEW;
      // Wherever the two stand: who reads settings `for update` loses no more than speed.
      shareable &&= mayBeSaid(word, isCalled(text, at)) && !(updates && namesSettings);
      parts.push(word);
      beforeLast = last;
      last = word;
      continue;
    }
    beforeLast = last;
    last = text[at] as string;
    if (c === QUOTE) {
      at = skipQuoted(text, at, QUOTE, false);
      if (at < 0) return NO;
      parts.push('?');
    } else if (c === DOUBLE_QUOTE) {
      const begun = at;
      at = skipQuoted(text, at, DOUBLE_QUOTE, false);
      if (at < 0) return NO;
      const quoted = text.slice(begun, at);
      const word = quoted.slice(1, -1).replaceAll('""', '"').toLowerCase();
      namesSettings ||= word === SETTINGS_VIEW;
      shareable &&= mayBeSaid(word, isCalled(text, at)) && !(updates && namesSettings);
      parts.push(quoted);
    } else if (c === DOLLAR) {
      const end = skipDollarQuoted(text, at);
      if (end === -1) return NO;
      if (end === -2) {
        at++;
        while (isDigit(text.charCodeAt(at))) at++;
      } else at = end;
      parts.push('?');
    } else if (isDigit(c)) {
      const from = at;
      while (isOfNumber(text.charCodeAt(at))) at++;
      // Servers before 15 read "1into" as two words.
      if (!NUMBER.test(text.slice(from, at))) return NO;
      parts.push('?');
    } else if (c === SEMICOLON) {
      at++;
      for (let rest = skipBlank(text, at); ; rest = skipBlank(text, rest + 1)) {
        if (rest >= length) return verdict(first, shareable, parts);
        // A comment that does not end, or a second statement.
        if (rest < 0 || text.charCodeAt(rest) !== SEMICOLON) return NO;
      }
    } else if (first === '' && c !== OPENING) return NO;
    else {
      parts.push(text[at] as string);
      at++;
    }
  }
  return verdict(first, shareable, parts);
}

function isCalled(text: string, i: number): boolean {
  const at = skipBlank(text, i);
  return at >= 0 && text.charCodeAt(at) === OPENING;
}

function verdict(first: string, shareable: boolean, parts: readonly string[]): Examined {
  if (first === '') return NO;
  return { shareable, preparable: true, normalised: shareable ? parts.join(' ') : '' };
}
