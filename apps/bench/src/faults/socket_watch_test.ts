import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SocketWatch } from './socket_watch.ts';

const servers: Server[] = [];
let port = 0;
let otherPort = 0;
beforeAll(async () => {
  [port, otherPort] = [await listening(), await listening()];
});
afterAll(() => {
  for (const server of servers) server.close();
});

async function listening(): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function open(to: number) {
  const socket = connect(to, '127.0.0.1');
  await once(socket, 'connect');
  return {
    async close() {
      socket.destroy();
      await once(socket, 'close');
    },
  };
}

/** Later than all that was, as times of one and the same reading of the clock are not told apart. */
function now(): number {
  const before = performance.now();
  let at = before;
  while (at === before) at = performance.now();
  return at;
}

test('SocketWatch.moves() counts the connects to a port that were begun since, and the connections to it that were closed since', async () => {
  const watch = new SocketWatch();
  const start = now();
  const [a, b] = [await open(port), await open(port)];
  await a.close();
  expect(watch.moves(port, start)).toEqual({ begun: 2, closed: 1 });
  const later = now();
  expect(watch.moves(port, later)).toEqual({ begun: 0, closed: 0 });
  // Begun before: its end counts all the same.
  await b.close();
  const c = await open(port);
  expect(watch.moves(port, later)).toEqual({ begun: 1, closed: 1 });
  expect(watch.moves(port, start)).toEqual({ begun: 3, closed: 2 });
  await c.close();
});

test('SocketWatch.moves() does not count what goes to other ports', async () => {
  const watch = new SocketWatch();
  const start = now();
  const other = await open(otherPort);
  expect(watch.moves(port, start)).toEqual({ begun: 0, closed: 0 });
  await other.close();
  expect(watch.moves(port, start)).toEqual({ begun: 0, closed: 0 });
  expect(watch.moves(otherPort, start)).toEqual({ begun: 1, closed: 1 });
});

test('SocketWatch.moves() counts a connect that was refused: begun and closed', async () => {
  const watch = new SocketWatch();
  const start = now();
  // Nobody listens there.
  const socket = connect(1, '127.0.0.1').on('error', () => {});
  await new Promise((resolve) => socket.once('close', resolve));
  expect(watch.moves(1, start)).toEqual({ begun: 1, closed: 1 });
});
