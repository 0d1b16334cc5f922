import { parseArgs } from 'node:util';
import { UsageError } from './errors.ts';
import { suggest } from './suggest.ts';

/** How one flag is written and read. */
export interface FlagSpec<T = unknown> {
  readonly short?: string;
  /** What the value is called in the help, e.g. `DIR`; absent for a flag without a value. */
  readonly value?: string;
  readonly help: string;
  /** Turns the text into the value; throws `UsageError` saying what would be right. */
  readonly parse: (text: string, flag: string) => T;
  /** May be given several times; `parse` is called for each. */
  readonly multiple?: boolean;
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

export type FlagValues<Specs extends FlagSpecs> = {
  readonly [Name in keyof Specs]?: Specs[Name] extends FlagSpec<infer T>
    ? Specs[Name] extends { readonly multiple: true }
      ? readonly T[]
      : T
    : never;
};

export function textFlag(value: string, help: string, short?: string): FlagSpec<string> {
  return { value, help, parse: nonEmpty, ...(short === undefined ? {} : { short }) };
}

export function switchFlag(help: string, short?: string): FlagSpec<true> {
  return { help, parse: () => true, ...(short === undefined ? {} : { short }) };
}

export function choiceFlag<const T extends string>(
  choices: readonly T[],
  help: string,
): FlagSpec<T> {
  return {
    value: choices.join('|'),
    help,
    parse: (text, flag) => {
      const chosen = choices.find((choice) => choice === text);
      if (chosen !== undefined) return chosen;
      const meant = suggest(text, choices);
      throw new UsageError(
        `${flag} wants one of ${choices.join(', ')}, got "${text}"${meant === undefined ? '' : `; did you mean "${meant}"?`}`,
      );
    },
  };
}

export function wholeNumberFlag(
  value: string,
  range: { readonly min: number; readonly max: number },
  help: string,
  short?: string,
): FlagSpec<number> {
  return {
    value,
    help,
    parse: (text, flag) => {
      const n = Number(text);
      if (/^\d+$/.test(text) && n >= range.min && n <= range.max) return n;
      throw new UsageError(
        `${flag} wants a whole number from ${range.min} to ${range.max}, got "${text}"`,
      );
    },
    ...(short === undefined ? {} : { short }),
  };
}

function nonEmpty(text: string, flag: string): string {
  if (text !== '') return text;
  throw new UsageError(`${flag} wants a value, got an empty one`);
}

/**
 * Reads a command line by its specs.
 *
 * @throws UsageError for an unknown flag (with the nearest known one), a missing or a bad value.
 */
export function parseFlags<Specs extends FlagSpecs>(
  args: readonly string[],
  specs: Specs,
): { positionals: string[]; flags: FlagValues<Specs> } {
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      {
        type: spec.value === undefined ? ('boolean' as const) : ('string' as const),
        multiple: true,
        ...(spec.short === undefined ? {} : { short: spec.short }),
      },
    ]),
  );
  const { tokens } = readTokens(args, options);
  const positionals: string[] = [];
  const flags: Record<string, unknown> = {};
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = specs[token.name];
    if (spec === undefined) throw unknownFlag(token.rawName, specs);
    if (spec.value !== undefined && token.value === undefined) {
      throw new UsageError(`${token.rawName} wants a value: ${token.rawName} ${spec.value}`);
    }
    if (spec.value === undefined && token.value !== undefined) {
      throw new UsageError(`${token.rawName} takes no value, got "${token.value}"`);
    }
    const value = spec.parse(token.value ?? '', token.rawName);
    if (spec.multiple === true)
      flags[token.name] = [...((flags[token.name] as unknown[]) ?? []), value];
    else if (Object.hasOwn(flags, token.name)) {
      throw new UsageError(`${token.rawName} is given twice`);
    } else flags[token.name] = value;
  }
  return { positionals, flags: flags as FlagValues<Specs> };
}

function readTokens(
  args: readonly string[],
  options: Record<string, { type: 'boolean' | 'string'; short?: string; multiple: boolean }>,
) {
  // Not strict: what is wrong is said in our own words, with the nearest known name.
  return parseArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
}

function unknownFlag(raw: string, specs: FlagSpecs): UsageError {
  const meant = suggest(raw.replace(/^--?/, ''), Object.keys(specs));
  return new UsageError(
    `Unknown flag ${raw}${meant === undefined ? '' : `, did you mean --${meant}?`} (--help lists the flags)`,
  );
}
