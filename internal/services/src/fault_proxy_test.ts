import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { dial, type Peer, PeerServer, quietTime } from './_tcp_peer.ts';
import { type FaultProxy, startFaultProxy } from './fault_proxy.ts';

let server: PeerServer;
let proxy: FaultProxy;
const clients: Peer[] = [];

async function client(): Promise<Peer> {
  const peer = await dial(proxy);
  clients.push(peer);
  return peer;
}

/** A client whose first word was answered, so that the way is open from end to end. */
async function settledClient(): Promise<Peer> {
  const peer = await client();
  peer.socket.write('hello;');
  await peer.until(({ text }) => text === 'HELLO;');
  peer.clear();
  return peer;
}

beforeEach(async () => {
  server = await PeerServer.start((data) => data.toString('latin1').toUpperCase());
  proxy = await startFaultProxy(server.target);
});

afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await proxy.close();
  await server.close();
});

describe('pass', () => {
  test('carries data both ways and counts it', async () => {
    const a = await settledClient();
    a.socket.write('more');
    await a.until(({ text }) => text === 'MORE');
    expect(proxy).toMatchObject({
      connections: 1,
      accepted: 1,
      bytesToServer: 10,
      bytesToClient: 10,
      corruptedBytes: 0,
    });
  });

  test('carries FIN from either side, and forgets connections that have ended', async () => {
    const a = await settledClient();
    const b = await settledClient();
    a.socket.end();
    await a.until(({ ending }) => ending === 'FIN');
    (await server.connection(1)).socket.end();
    await b.until(({ ending }) => ending === 'FIN');
    await expect.poll(() => proxy.connections).toBe(0);
    expect([proxy.accepted, proxy.bytesToServer]).toEqual([2, 12]);
  });

  test('carries RST from either side', async () => {
    const a = await settledClient();
    const b = await settledClient();
    a.socket.resetAndDestroy();
    const behindA = await server.connection(0);
    await behindA.until(({ ending }) => ending === 'ECONNRESET');
    (await server.connection(1)).socket.resetAndDestroy();
    await b.until(({ ending }) => ending === 'ECONNRESET');
    await expect.poll(() => proxy.connections).toBe(0);
  });

  test('cut while it passes a FIN on, frees its sockets: node closes none whose reset fails', async () => {
    const sockets = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    const before = sockets();
    const { socket } = await settledClient();
    const { end } = Socket.prototype;
    const ending = vi.spyOn(Socket.prototype, 'end').mockImplementation(function (this: Socket) {
      Reflect.apply(end, this, []);
      if (this !== socket) proxy.cutAll('reset');
      return this;
    });
    socket.end();
    await expect.poll(() => proxy.connections).toBe(0);
    expect(ending.mock.calls.length).toBeGreaterThan(1);
    ending.mockRestore();
    socket.destroy();
    await expect.poll(sockets).toBe(before);
  });

  test('carries a large amount unchanged while the reader is slow', async () => {
    const a = await settledClient();
    a.socket.pause();
    const sent = Buffer.alloc(8 * 1024 * 1024, 'abcdefghijklmnopqrstuvwxyz');
    a.socket.write(sent);
    await quietTime();
    a.socket.resume();
    await a.until(({ length }) => length === sent.length);
    expect(a.text === sent.toString('latin1').toUpperCase()).toBe(true);
  });

  test('resets a client whose server does not listen', async () => {
    await server.close();
    const a = await client();
    await a.until(({ ending }) => ending === 'ECONNRESET');
  });
});

describe('refuse', () => {
  test('is ECONNREFUSED for new connections, leaves open ones alone, and ends at once', async () => {
    const open = await settledClient();
    proxy.set('refuse');
    await expect(client()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    open.socket.write('still');
    await open.until(({ text }) => text === 'STILL');
    proxy.set('pass');
    await settledClient();
    expect(proxy.accepted).toBe(2);
  });

  test('can be switched on and off many times on the same port', async () => {
    const port = proxy.port;
    for (let round = 0; round < 20; round++) {
      proxy.set('refuse');
      proxy.set('pass');
      await settledClient();
    }
    expect(proxy.port).toBe(port);
  });
});

describe('accept-silent', () => {
  test('accepts and does not answer, nor does the server hear of it', async () => {
    proxy.set('accept-silent');
    const a = await client();
    a.socket.write('anyone;');
    await quietTime();
    expect([a.text, a.ending, server.connections.length]).toEqual(['', undefined, 0]);
  });

  test('lets what was said arrive when it ends', async () => {
    proxy.set('accept-silent');
    const a = await client();
    a.socket.write('anyone;');
    await quietTime();
    proxy.set('pass');
    await a.until(({ text }) => text === 'ANYONE;');
  });
});

describe('blackhole', () => {
  test('holds data of both directions and delivers it when it ends', async () => {
    const a = await settledClient();
    const behind = await server.connection(0);
    behind.clear();
    proxy.set('blackhole');
    a.socket.write('up');
    behind.socket.write('down');
    await quietTime();
    expect([a.text, behind.text]).toEqual(['', '']);
    proxy.set('pass');
    await behind.until(({ text }) => text === 'up');
    await a.until(({ text }) => text === 'downUP');
  });

  test('keeps FIN and RST from arriving', async () => {
    const a = await settledClient();
    const b = await settledClient();
    proxy.set('blackhole');
    (await server.connection(0)).socket.end();
    (await server.connection(1)).socket.resetAndDestroy();
    await quietTime();
    expect([a.ending, b.ending]).toEqual([undefined, undefined]);
    proxy.set('pass');
    await a.until(({ ending }) => ending === 'FIN');
    await b.until(({ ending }) => ending === 'ECONNRESET');
  });

  test('for open connections alone: new ones work, and old ones stay lost after the heal of new ones', async () => {
    const lost = await settledClient();
    proxy.set('blackhole');
    proxy.set('pass', { existing: false });
    lost.socket.write('hello?');
    await settledClient();
    await quietTime();
    expect([lost.text, lost.ending]).toEqual(['', undefined]);
  });

  test('for new connections alone: open ones go on', async () => {
    const open = await settledClient();
    proxy.set('blackhole', { existing: false });
    const lost = await client();
    lost.socket.write('hello?');
    open.socket.write('still');
    await open.until(({ text }) => text === 'STILL');
    await quietTime();
    expect(lost.text).toBe('');
  });

  test('to-server: the server hears nothing, and can still speak', async () => {
    const a = await settledClient();
    const behind = await server.connection(0);
    behind.clear();
    proxy.set('blackhole-to-server');
    a.socket.write('up');
    behind.socket.write('down');
    await a.until(({ text }) => text === 'down');
    await quietTime();
    expect(behind.text).toBe('');
    proxy.set('pass');
    await a.until(({ text }) => text === 'downUP');
  });

  test('to-client: the server hears and answers, and the client hears nothing, not even RST', async () => {
    const a = await settledClient();
    const behind = await server.connection(0);
    proxy.set('blackhole-to-client');
    a.socket.write('up');
    await behind.until(({ text }) => text === 'hello;up');
    behind.socket.resetAndDestroy();
    a.socket.write('more');
    await quietTime();
    a.socket.write('and more');
    await quietTime();
    expect([a.text, a.ending]).toEqual(['', undefined]);
    proxy.set('pass');
    await a.until(({ ending }) => ending === 'ECONNRESET');
  });
});

describe('half-open', () => {
  test('the server sees the end, the client does not, and what it says is lost', async () => {
    const a = await settledClient();
    const behind = await server.connection(0);
    proxy.set('half-open');
    await behind.until(({ ending }) => ending !== undefined);
    a.socket.write('hello?');
    await quietTime();
    expect([a.text, a.ending, behind.text]).toEqual(['', undefined, 'hello;']);
  });

  test('after it, a client is reset when it has spoken or speaks', async () => {
    const [spoken, silent] = [await settledClient(), await settledClient()];
    proxy.set('half-open');
    spoken.socket.write('hello?');
    await quietTime();
    proxy.set('pass');
    await spoken.until(({ ending }) => ending === 'ECONNRESET');
    expect(silent.ending).toBeUndefined();
    silent.socket.write('hello?');
    await silent.until(({ ending }) => ending === 'ECONNRESET');
    await settledClient();
  });

  test('new connections are accepted with no server behind them', async () => {
    proxy.set('half-open');
    const a = await client();
    a.socket.write('hello?');
    await quietTime();
    expect([a.text, a.ending, server.connections.length]).toEqual(['', undefined, 0]);
  });
});

describe('reset', () => {
  test('is RST on both sides, with data waiting to be sent as well', async () => {
    const [a, stalled] = [await settledClient(), await settledClient()];
    stalled.socket.pause();
    (await server.connection(1)).socket.write(Buffer.alloc(32 * 1024 * 1024));
    await quietTime();
    proxy.set('reset', { fresh: false });
    await a.until(({ ending }) => ending === 'ECONNRESET');
    for (const behind of server.connections) {
      await behind.until(({ ending }) => ending === 'ECONNRESET' || ending === 'EPIPE');
    }
    await expect.poll(() => proxy.connections).toBe(0);
    await settledClient();
  });

  test('new connections are accepted and reset', async () => {
    proxy.set('reset', { existing: false });
    const a = await client().catch((error: NodeJS.ErrnoException) => error.code);
    if (typeof a === 'string') expect(a).toBe('ECONNRESET');
    else await a?.until(({ ending }) => ending === 'ECONNRESET');
    expect(proxy.accepted).toBe(1);
  });
});

describe('fin-mid-message', () => {
  test('the next answer lacks its last byte and FIN follows; the server sees the end', async () => {
    const a = await settledClient();
    proxy.set('fin-mid-message');
    a.socket.write('answer me');
    await a.until(({ ending }) => ending === 'FIN');
    expect(a.text).toBe('ANSWER M');
    await (await server.connection(0)).until(({ ending }) => ending !== undefined);
  });

  test('a connection that is idle is not touched before its next answer', async () => {
    const a = await settledClient();
    proxy.set('fin-mid-message', { fresh: false });
    await quietTime();
    expect(a.ending).toBeUndefined();
    proxy.set('pass');
    a.socket.write('go on');
    await a.until(({ text }) => text === 'GO ON');
  });
});

describe('cutAll()', () => {
  test.each(['fin', 'reset'] as const)('%s ends every connection, held ones too', async (how) => {
    const a = await settledClient();
    const b = await settledClient();
    proxy.set('blackhole');
    b.socket.write('unheard');
    proxy.cutAll(how);
    for (const peer of [a, b]) {
      await peer.until(({ ending }) => ending === (how === 'fin' ? 'FIN' : 'ECONNRESET'));
    }
    for (const behind of server.connections) {
      await behind.until(({ ending }) => ending !== undefined);
    }
    await expect.poll(() => proxy.connections).toBe(0);
  });
});

describe('close()', () => {
  test('frees every socket and timer, in every mode, and the port', async () => {
    const before = process.getActiveResourcesInfo().length;
    const modes = ['pass', 'accept-silent', 'blackhole', 'half-open', 'throttle', 'delay'] as const;
    for (const mode of modes) {
      const own = await startFaultProxy(server.target);
      own.set(mode, { delayMs: 60_000, bytesPerSecond: 1 });
      const a = await dial(own);
      a.socket.write('some words that are still under way');
      await quietTime(20);
      await Promise.all([own.close(), own.close()]);
      await a.until(({ ending }) => ending !== undefined);
      await expect(dial(own)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      expect(own.connections).toBe(0);
      a.socket.destroy();
    }
    for (const { socket } of server.connections) socket.destroy();
    await expect.poll(() => process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before);
  });

  test('while it refuses, the port stays free', async () => {
    proxy.set('refuse');
    await proxy.close();
    proxy.set('pass');
    await expect(dial(proxy)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

test('url() leads through the proxy and keeps everything else', () => {
  expect(proxy.url('postgres://me:pa%40ss@db.example:5432/mine?sslmode=disable')).toBe(
    `postgres://me:pa%40ss@127.0.0.1:${proxy.port}/mine?sslmode=disable`,
  );
  expect(proxy.url('redis://db.example')).toBe(`redis://127.0.0.1:${proxy.port}`);
});

test('set() refuses modes and numbers that mean nothing, and changes nothing', async () => {
  const a = await settledClient();
  // @ts-expect-error: not a mode
  expect(() => proxy.set('blackout')).toThrow(TypeError);
  expect(() => proxy.set('delay', { delayMs: -1 })).toThrow(RangeError);
  expect(() => proxy.set('throttle', { bytesPerSecond: 0 })).toThrow('bytesPerSecond is 0');
  expect(() => proxy.set('corrupt', { corruptEvery: Number.NaN })).toThrow(RangeError);
  a.socket.write('fine');
  await a.until(({ text }) => text === 'FINE');
});
