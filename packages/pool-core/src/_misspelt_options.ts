/**
 * Options whose name is all but one that the pool knows.
 */
import { InvalidOptionError } from './errors.ts';

/** The same options; each name that is asked for is noted. So no list of names can be out of date. */
export function noting<T extends object>(options: T, names: Set<string>): T {
  return new Proxy(options, {
    get(target, name) {
      names.add(name as string);
      return Reflect.get(target, name);
    },
  });
}

/**
 * What is near to none of `names` is the Client's affair, or an application's that has one object for all. With underscores
 * it is libpq's: a connection string that was parsed has names such as `connect_timeout`, which pg lets pass.
 *
 * @throws InvalidOptionError without the value, which may hold a password
 */
export function refuseMisspelt(options: object, names: ReadonlySet<string>): void {
  for (const key of Object.keys(options)) {
    if (names.has(key) || key.includes('_')) continue;
    for (const name of names) {
      // Knex and others have a `client`.
      if (name === 'Client') continue;
      if (isNear(plain(key), plain(name))) throw new InvalidOptionError('option name', key, name);
    }
  }
}

function plain(name: string): string {
  const unit = name.toLowerCase().replace(/mil+is(econds)?$/, 'ms');
  return unit.replace(/(.)\1+/g, '$1');
}

/** The same, or, where they are long, but for two letters in a row. */
function isNear(one: string, other: string): boolean {
  if (one === other) return true;
  const shorter = Math.min(one.length, other.length);
  let head = 0;
  while (head < shorter && one[head] === other[head]) head++;
  let tail = 0;
  while (head + tail < shorter && one.at(-1 - tail) === other.at(-1 - tail)) tail++;
  return shorter >= 8 && Math.max(one.length, other.length) - head - tail <= 2;
}
