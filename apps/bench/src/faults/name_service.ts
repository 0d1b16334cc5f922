import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

/** The name that a case has in its hand. */
export const NAME = 'db.test';

/**
 * What this process is told when it asks for the address of {@link NAME}, whichever library asks: they all end at `dns.lookup()`,
 * as Node's own sockets do.
 */
export class NameService {
  /** None: the name is unknown (`ENOTFOUND`). */
  addresses: readonly string[] = [];
  readonly #lookup = dns.lookup;

  constructor() {
    const lookup = (name: string, ...rest: readonly unknown[]): void => {
      if (name !== NAME) {
        Reflect.apply(this.#lookup, dns, [name, ...rest]);
        return;
      }
      const answer = rest.at(-1) as (...answer: unknown[]) => void;
      const { all = false } = (rest.length > 1 ? rest[0] : {}) as { all?: boolean };
      const found = this.addresses.map((address) => ({ address, family: 4 }));
      const [first] = found;
      setImmediate(() => {
        if (first === undefined) answer(unknownName());
        else if (all) answer(null, found);
        else answer(null, first.address, first.family);
      });
    };
    this.#install(lookup as typeof dns.lookup);
  }

  restore(): void {
    this.#install(this.#lookup);
  }

  #install(lookup: typeof dns.lookup): void {
    dns.lookup = lookup;
    // For those who have imported the function by its name.
    syncBuiltinESMExports();
  }
}

function unknownName(): Error {
  const error = new Error(`getaddrinfo ENOTFOUND ${NAME}`);
  return Object.assign(error, { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: NAME });
}
