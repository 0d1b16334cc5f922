import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';

const FIRST = 15_000;

/**
 * A TCP port on the loopback interface that is free now, below the range from which the system picks the client's end
 * of a connection. A port inside that range is dangerous for a server that goes down and comes back: a client that
 * keeps trying can be given the very port it is calling, connects to itself (TCP's simultaneous open), and the server
 * finds its port taken.
 */
export async function freePort(): Promise<number> {
  const last = Math.min(await firstClientPort(), 32_768) - 1;
  for (let attempt = 0; attempt < 50 && last - FIRST > 1_000; attempt++) {
    const port = randomInt(FIRST, last);
    if ((await bind(port)) !== undefined) return port;
  }
  // The system hands out nearly every port to clients: any port it gives is as good as another.
  const port = await bind(0);
  if (port === undefined) throw new Error('The loopback interface has no free TCP port.');
  return port;
}

async function firstClientPort(): Promise<number> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  const first = Number(/^\d+/.exec(range)?.[0]);
  // Elsewhere (macOS, BSD) the range begins at 49152.
  return Number.isNaN(first) ? 49_152 : first;
}

function bind(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1' }, () => {
      const address = server.address();
      server.close(() =>
        resolve(address !== null && typeof address === 'object' ? address.port : undefined),
      );
    });
  });
}
