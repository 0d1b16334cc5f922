/** How the proxy slows data down and damages it. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dial, type Peer, PeerServer } from './_tcp_peer.ts';
import { type FaultProxy, startFaultProxy } from './fault_proxy.ts';

let server: PeerServer;
let proxy: FaultProxy;
let a: Peer;

beforeEach(async () => {
  server = await PeerServer.start((data) => data);
  proxy = await startFaultProxy(server.target);
  a = await dial(proxy);
});

afterEach(async () => {
  a.socket.destroy();
  await proxy.close();
  await server.close();
});

async function elapsed(during: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await during();
  return performance.now() - begun;
}

test('delay: an answer takes the delay once in each direction', async () => {
  proxy.set('delay', { delayMs: 80 });
  const tookMs = await elapsed(async () => {
    a.socket.write('ping');
    await a.until(({ text }) => text === 'ping');
  });
  expect(tookMs).toBeGreaterThanOrEqual(158);
});

test('delay: one direction alone takes it once', async () => {
  proxy.set('delay', { delayMs: 150, direction: 'to-client' });
  a.socket.write('ping');
  const behind = await server.connection(0);
  const toServerMs = await elapsed(() => behind.until(({ text }) => text === 'ping'));
  const toClientMs = await elapsed(() => a.until(({ text }) => text === 'ping'));
  expect(toClientMs).toBeGreaterThan(toServerMs);
  expect(toServerMs + toClientMs).toBeGreaterThanOrEqual(148);
});

test('delay: what is sent while data is under way is under way as well, and arrives in order', async () => {
  proxy.set('delay', { delayMs: 200, jitterMs: 150, seed: 7 });
  let sent = '';
  const tookMs = await elapsed(async () => {
    for (let n = 0; n < 50; n++) {
      a.socket.write(`${n};`);
      sent += `${n};`;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await a.until(({ text }) => text.length === sent.length);
  });
  expect(a.text).toBe(sent);
  // One after another they would take 50 x 2 x 200 ms.
  expect(tookMs).toBeGreaterThanOrEqual(98);
  expect(tookMs).toBeLessThan(10_000);
});

test('delay: throughput is not limited', async () => {
  proxy.set('delay', { delayMs: 100 });
  const sent = Buffer.alloc(16 * 1024 * 1024, 'x');
  const tookMs = await elapsed(async () => {
    a.socket.write(sent);
    await a.until(({ length }) => length === sent.length);
  });
  // In pieces of 64 KiB, one delay each, it would take 25 s in each direction.
  expect(tookMs).toBeLessThan(10_000);
});

test('delay: FIN waits behind the data', async () => {
  proxy.set('delay', { delayMs: 100 });
  a.socket.end('last words');
  await a.until(({ ending }) => ending === 'FIN');
  expect(a.text).toBe('last words');
});

test('delay: ending it delivers at once what was under way, in order', async () => {
  proxy.set('delay', { delayMs: 600_000 });
  a.socket.write('one;');
  await (async () => {
    while (proxy.connections === 0) await new Promise((resolve) => setImmediate(resolve));
  })();
  proxy.set('pass');
  a.socket.write('two;');
  await a.until(({ text }) => text === 'one;two;');
});

test('throttle: the rate holds for each direction of a connection', async () => {
  proxy.set('throttle', { bytesPerSecond: 100_000, direction: 'to-client' });
  const tookMs = await elapsed(async () => {
    a.socket.write(Buffer.alloc(50_000));
    await a.until(({ length }) => length === 50_000);
  });
  expect(tookMs).toBeGreaterThanOrEqual(478);
});

test('throttle: data trickles, the sender is made to wait, and the end of it frees the way', async () => {
  proxy.set('throttle', { bytesPerSecond: 2_000, direction: 'to-server' });
  const sent = Buffer.alloc(32 * 1024 * 1024, 'y');
  a.socket.write(sent);
  await a.until(({ length }) => length > 100);
  expect(a.length).toBeLessThan(sent.length);
  expect(a.socket.writableLength).toBeGreaterThan(0);
  proxy.set('pass');
  await a.until(({ length }) => length === sent.length);
});

test('corrupt: about one byte in so many is changed, never the number of bytes', async () => {
  proxy.set('corrupt', { corruptEvery: 100, direction: 'to-client', seed: 3 });
  a.socket.write(Buffer.alloc(100_000));
  await a.until(({ length }) => length === 100_000);
  const changed = a.received.filter((byte) => byte !== 0).length;
  expect(changed).toBe(proxy.corruptedBytes);
  expect(changed).toBeGreaterThan(700);
  expect(changed).toBeLessThan(1_300);
});

test('corrupt: the same seed damages the same bytes, another one others', async () => {
  const damage = async (seed: number): Promise<string> => {
    const own = await startFaultProxy(server.target);
    own.set('corrupt', { corruptEvery: 50, seed });
    const peer = await dial(own);
    // In small pieces, as their sizes must not matter.
    for (let n = 0; n < 20; n++) {
      peer.socket.write(Buffer.alloc(97));
      await peer.until(({ length }) => length === 97 * (n + 1));
    }
    peer.socket.destroy();
    await own.close();
    return peer.text;
  };
  const [first, same, other] = [await damage(1), await damage(1), await damage(2)];
  expect(first).toBe(same);
  expect(first).not.toBe(other);
});

test('corrupt: the other direction stays as it was', async () => {
  proxy.set('corrupt', { corruptEvery: 2, direction: 'to-client' });
  a.socket.write(Buffer.alloc(1_000));
  await a.until(({ length }) => length === 1_000);
  const behind = await server.connection(0);
  expect(behind.received.equals(Buffer.alloc(1_000))).toBe(true);
});
