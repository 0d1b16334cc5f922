/**
 * Which address a client's socket goes to.
 */
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { ShortMessageSocket } from './_short_message_socket.ts';

/** Every address of a name, as the resolver gives them now. @throws the resolver's error, such as ENOTFOUND */
export function resolveAll(host: string, lookup: LookupFunction | undefined): Promise<string[]> {
  if (isIP(host) !== 0) return Promise.resolve([host]);
  return new Promise((resolve, reject) => {
    const answer = (
      error: NodeJS.ErrnoException | null,
      found: string | readonly LookupAddress[],
    ): void => {
      const addresses = typeof found === 'string' ? [found] : found?.map(({ address }) => address);
      if (error) reject(error);
      else if (addresses === undefined || addresses.length === 0) reject(noAddress(host));
      else resolve([...new Set(addresses)]);
    };
    // In the resolver's order: it knows which family works here.
    (lookup ?? (systemLookup as LookupFunction))(
      host,
      { all: true, verbatim: true },
      answer as never,
    );
  });
}

function noAddress(host: string): Error {
  const error = new Error(`getaddrinfo ENOTFOUND ${host}`);
  return Object.assign(error, { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: host });
}

/**
 * A socket that pg may take for its own: told to connect to a host, it connects to the address that `addressOf` gives. So the
 * client keeps the host's name, by which TLS checks the certificate.
 */
export function socketTo(addressOf: (host: string) => Promise<string>): Socket {
  const socket: Socket = new ShortMessageSocket();
  const lookup: LookupFunction = (host, options, answer) => {
    addressOf(host).then(
      (address) => {
        const family = isIP(address);
        if (options.all === true) answer(null, [{ address, family }]);
        else answer(null, address, family);
      },
      (error) => answer(error, ''),
    );
  };
  const connect = socket.connect.bind(socket) as (...args: unknown[]) => Socket;
  socket.connect = ((port: unknown, host?: unknown) => {
    // A path is a Unix socket; an address asks no resolver.
    if (typeof port !== 'number' || typeof host !== 'string') return connect(port, host);
    return connect({ port, host, lookup });
  }) as Socket['connect'];
  return socket;
}
