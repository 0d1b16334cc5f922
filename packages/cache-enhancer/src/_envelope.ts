/**
 * What stands at a key in Redis: a value with what must be known to judge it, or the lease of whoever is loading it.
 *
 * `v<version>;<fresh until>;<grace>;<load time>;<tags>\n<text>` and `L<token>;<tags>`. Text, not a hash, so that one MGET reads a
 * batch; the version first, so that a script can compare it with GETRANGE without copying the value.
 */
export interface Envelope {
  /** Names this very fill: a refresh replaces exactly the value it read. */
  version: string;
  /** Milliseconds since 1970. */
  freshUntilMs: number;
  graceMs: number;
  /** How long the loader took; the early refresh is sized by it. */
  loadMs: number;
  /** Tag to the stamp it had when the load began. */
  tags: ReadonlyMap<string, string>;
  /** `undefined` stands for the value `undefined`. */
  text: string | undefined;
}

export type Stored =
  | { kind: 'value'; envelope: Envelope }
  | { kind: 'lease'; head: string; tags: ReadonlyMap<string, string> }
  | { kind: 'unknown' };

export const NO_TAGS: ReadonlyMap<string, string> = new Map();

/** The form of a tag's name in lists of tags. */
export function tagName(tag: string): string {
  return encodeURIComponent(tag);
}

export function leaseOf(token: string): string {
  return `L${token};`;
}

/** The head by which scripts recognise a value's version. */
export function headOf(version: string): string {
  return `v${version};`;
}

export function encodeEnvelope(e: Envelope): string {
  let tags = '';
  for (const [tag, stamp] of e.tags) {
    tags += `${tags === '' ? '' : ','}${tagName(tag)}=${stamp}`;
  }
  const head = `${e.freshUntilMs.toString(36)};${e.graceMs.toString(36)};${e.loadMs.toString(36)}`;
  return `${headOf(e.version)}${head};${tags}\n${e.text ?? ''}`;
}

export function decodeStored(raw: string): Stored {
  if (raw.startsWith('L')) {
    const head = raw.slice(0, raw.indexOf(';') + 1);
    const list = raw.slice(head.length);
    return { kind: 'lease', head, tags: list === '' ? NO_TAGS : parseTags(list) };
  }
  const end = raw.indexOf('\n');
  if (!raw.startsWith('v') || end < 0) return { kind: 'unknown' };
  const [version, fresh, grace, load, tags] = raw.slice(1, end).split(';');
  const freshUntilMs = Number.parseInt(fresh ?? '', 36);
  const graceMs = Number.parseInt(grace ?? '', 36);
  const loadMs = Number.parseInt(load ?? '', 36);
  if (
    version === undefined ||
    tags === undefined ||
    Number.isNaN(freshUntilMs + graceMs + loadMs)
  ) {
    return { kind: 'unknown' };
  }
  return {
    kind: 'value',
    envelope: {
      version,
      freshUntilMs,
      graceMs,
      loadMs,
      tags: tags === '' ? NO_TAGS : parseTags(tags),
      text: end + 1 === raw.length ? undefined : raw.slice(end + 1),
    },
  };
}

function parseTags(list: string): Map<string, string> {
  const tags = new Map<string, string>();
  for (const pair of list.split(',')) {
    const at = pair.indexOf('=');
    tags.set(decodeURIComponent(pair.slice(0, at)), pair.slice(at + 1));
  }
  return tags;
}
