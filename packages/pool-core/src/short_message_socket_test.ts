import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, test } from 'vitest';
import { ShortMessageSocket } from './_short_message_socket.ts';

const open: { destroy?(): void; close?(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) {
    one.destroy?.();
    one.close?.();
  }
});

/** A socket and the other end of its connection. */
async function pair(): Promise<{ socket: Socket; peer: Socket }> {
  const server: Server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const socket = new ShortMessageSocket();
  socket.connect(address.port, '127.0.0.1');
  const [[peer]] = await Promise.all([once(server, 'connection'), once(socket, 'connect')]);
  open.push(server, socket, peer as Socket);
  return { socket, peer: peer as Socket };
}

/** Bytes of which no two blocks are the same, told apart by their seed. */
function bytes(length: number, seed: number): Buffer {
  const buffer = Buffer.alloc(length);
  for (let at = 0; at < length; at++) buffer[at] = (at * 31 + (at >> 8) * 7 + seed) & 0xff;
  return buffer;
}

async function read(socket: Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const [chunk] of onData(socket)) {
    chunks.push(chunk);
    total += chunk.length;
    if (total >= length) break;
  }
  return Buffer.concat(chunks);
}

async function* onData(socket: Socket): AsyncGenerator<[Buffer]> {
  const queue: Buffer[] = [];
  let wake = (): void => {};
  const hear = (chunk: Buffer): void => {
    queue.push(chunk);
    wake();
  };
  socket.on('data', hear);
  try {
    for (;;) {
      const chunk = queue.shift();
      if (chunk !== undefined) yield [chunk];
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    socket.off('data', hear);
  }
}

test('Chunks that are kept stay what they were while others are read, on this socket and on others', async () => {
  const pairs = await Promise.all(Array.from({ length: 5 }, pair));
  const sizes = [1, 50, 4_095, 4_096, 32_767, 32_768, 65_536, 200_000, 3_000_000];
  const wanted = pairs.map((_, at) =>
    bytes(
      sizes.reduce((sum, size) => sum + size),
      at,
    ),
  );
  const got = await Promise.all(
    pairs.map(async ({ socket, peer }, at) => {
      const reading = read(socket, wanted[at]?.length ?? 0);
      let from = 0;
      for (const size of sizes) {
        peer.write(wanted[at]?.subarray(from, from + size) as Buffer);
        from += size;
        await turn();
      }
      return reading;
    }),
  );
  for (const [at, buffer] of got.entries()) assert.ok(buffer.equals(wanted[at] as Buffer), `${at}`);
});

test('What stops the flow is obeyed, and nothing comes out of turn', async () => {
  const { socket, peer } = await pair();
  const wanted = bytes(2_000_000, 3);
  const chunks: Buffer[] = [];
  let stops = 0;
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    socket.pause();
    stops++;
    const heard = chunks.length;
    setTimeout(() => {
      assert.equal(chunks.length, heard);
      socket.resume();
    }, 1);
  });
  peer.end(wanted);
  await once(socket, 'end');
  assert.ok(stops > 10);
  assert.ok(Buffer.concat(chunks).equals(wanted));
});

test('A slow consumer holds the sender back', async () => {
  const { socket, peer } = await pair();
  const wanted = bytes(30_000_000, 5);
  const taken: Buffer[] = [];
  const slow = new Writable({
    highWaterMark: 1_000,
    write(chunk, _, done) {
      taken.push(chunk);
      setImmediate(done);
    },
  });
  let waiting = 0;
  const done = pipeline(socket, slow);
  const sent = new Promise<void>((resolve) => {
    peer.on('drain', () => waiting++);
    peer.end(wanted, resolve);
  });
  await turn();
  assert.ok(socket.readableLength <= 2 * 65_536);
  await Promise.all([done, sent]);
  assert.ok(Buffer.concat(taken).equals(wanted));
});

test('Bytes put back are read before those that come after them', async () => {
  const { socket, peer } = await pair();
  peer.write('abcdef');
  const [first] = (await once(socket, 'data')) as [Buffer];
  socket.pause();
  socket.unshift(first.subarray(2));
  peer.write('ghi');
  await turn();
  const rest = read(socket, 7);
  socket.resume();
  assert.equal((await rest).toString(), 'cdefghi');
});

test('It can be read as any stream: by read(), by iteration, and as text', async () => {
  const one = await pair();
  one.peer.end(bytes(100_000, 7));
  const parts: Buffer[] = [];
  for await (const chunk of one.socket) parts.push(chunk as Buffer);
  assert.ok(Buffer.concat(parts).equals(bytes(100_000, 7)));

  const two = await pair();
  two.socket.setEncoding('utf8');
  // A character of three bytes, in two writes.
  const euro = Buffer.from('€');
  two.peer.write(euro.subarray(0, 1));
  await turn();
  two.peer.end(euro.subarray(1));
  let text = '';
  two.socket.on('data', (chunk: string) => {
    text += chunk;
  });
  await once(two.socket, 'end');
  assert.equal(text, '€');

  const three = await pair();
  three.peer.write('four');
  await once(three.socket, 'readable');
  assert.equal(three.socket.read(4).toString(), 'four');
});

test('While it is paused it hears of the end of its connection, and of its loss', async () => {
  const ended = await pair();
  ended.socket.pause();
  ended.socket.end();
  ended.peer.end();
  await once(ended.socket, 'close');

  const lost = await pair();
  lost.socket.pause();
  lost.peer.resetAndDestroy();
  const [error] = (await once(lost.socket, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNRESET');
});

test('Who read by events may go on by read(), a little at a time, and holds the sender back', async () => {
  const { socket, peer } = await pair();
  const wanted = bytes(20_000_000, 11);
  peer.write(wanted.subarray(0, 10));
  const [first] = (await once(socket, 'data')) as [Buffer];
  assert.ok(socket.readableDidRead);
  socket.pause();
  peer.end(wanted.subarray(first.length));
  let at = first.length;
  let most = 0;
  socket.on('readable', () => {
    for (let part = socket.read(5); part !== null; part = at < 5_000 ? socket.read(5) : null) {
      assert.ok(part.equals(wanted.subarray(at, at + part.length)));
      at += part.length;
      most = Math.max(most, socket.readableLength);
    }
  });
  while (at < 5_000) await turn();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(most < 200_000, `${most} bytes held`);
});

test('What is written at once arrives in order, whatever its kinds and sizes', async () => {
  const { socket, peer } = await pair();
  const small = Array.from({ length: 200 }, (_, at) => bytes(5 + at, at));
  const large = Array.from({ length: 5 }, (_, at) => bytes(16_000 + at, at));
  const all = Buffer.concat([...small, Buffer.from('text é'), ...small, ...large]);
  const reading = read(peer, all.length);
  let written = 0;
  const count = (error?: Error | null): void => {
    if (!error) written++;
  };
  socket.cork();
  for (const part of small) socket.write(part, count);
  socket.uncork();
  socket.cork();
  socket.write('text é', count);
  for (const part of small) socket.write(part, count);
  socket.uncork();
  socket.cork();
  for (const part of large) socket.write(part, count);
  socket.uncork();
  assert.ok((await reading).equals(all));
  assert.equal(written, 406);
  assert.equal(socket.bytesWritten, all.length);
});

test('What is written before it is connected is sent when it is', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const socket = new ShortMessageSocket();
  open.push(server, socket);
  socket.connect(port, '127.0.0.1');
  socket.cork();
  socket.write(Buffer.from('be'));
  socket.write(Buffer.from('fore'));
  socket.uncork();
  const [peer] = (await once(server, 'connection')) as [Socket];
  open.push(peer);
  assert.equal((await read(peer, 6)).toString(), 'before');
});

test('A writer hears of a connection that is gone', async () => {
  const { socket, peer } = await pair();
  socket.on('error', () => {});
  peer.resetAndDestroy();
  await new Promise((resolve) => socket.on('close', resolve));
  const failed = new Promise<Error | null | undefined>((resolve) => {
    socket.cork();
    socket.write(Buffer.from('a'));
    socket.write(Buffer.from('b'), resolve);
    socket.uncork();
  });
  assert.ok((await failed) instanceof Error);
});
