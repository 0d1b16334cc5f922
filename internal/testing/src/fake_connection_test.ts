import { expect, test } from 'vitest';
import { FakeClock } from './fake_clock.ts';
import { FakeServer } from './fake_connection.ts';

test('a FakeServer counts what is open, was opened, was closed, and the peak', async () => {
  const server = new FakeServer();
  const [a, b] = await Promise.all([server.connect(), server.connect()]);
  a.close();
  a.close();
  const c = await server.connect();
  expect([a.open, b.open, c.open]).toEqual([false, true, true]);
  expect([a.id, b.id, c.id]).toEqual([1, 2, 3]);
  expect(server).toMatchObject({ attempts: 3, opened: 3, closed: 1, open: 2, peak: 2, pending: 0 });
});

test('a slow FakeServer answers after its latency and not before', async () => {
  const clock = new FakeClock();
  const server = new FakeServer({ clock, latencyMs: 150 });
  let opened = false;
  const connecting = server.connect().then((connection) => {
    opened = true;
    return connection;
  });
  await clock.advance(149);
  expect([opened, server.pending]).toEqual([false, 1]);
  await clock.advance(1);
  expect((await connecting).open).toBe(true);
  expect([server.pending, clock.pendingTimers()]).toEqual([0, 0]);
});

test('a FakeServer with latency and no clock says what it needs', async () => {
  await expect(new FakeServer({ latencyMs: 1 }).connect()).rejects.toThrow('needs a clock');
});

test('a FakeServer refuses until told to accept', async () => {
  const server = new FakeServer();
  server.refuse();
  await expect(server.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  const own = new Error('password authentication failed');
  server.refuse(own);
  await expect(server.connect()).rejects.toBe(own);
  server.accept();
  await expect(server.connect()).resolves.toMatchObject({ open: true });
  expect(server).toMatchObject({ refused: 2, opened: 1 });
});

test('a FakeServer at its limit refuses with 53300 until a connection goes', async () => {
  const server = new FakeServer({ maxConnections: 1 });
  const first = await server.connect();
  await expect(server.connect()).rejects.toMatchObject({ code: '53300' });
  first.close();
  await expect(server.connect()).resolves.toMatchObject({ open: true });
});

test('hanging connects wait for admit(), the oldest first', async () => {
  const server = new FakeServer();
  server.hang();
  const order: string[] = [];
  const connecting = ['a', 'b', 'c'].map((name) => server.connect().then(() => order.push(name)));
  expect([server.pending, server.peakPending]).toEqual([3, 3]);
  server.admit(1);
  await connecting[0];
  expect(order).toEqual(['a']);
  server.admit();
  await Promise.all(connecting);
  expect(order).toEqual(['a', 'b', 'c']);
});

test('a hanging connect fails when it is admitted by a server that refuses by now', async () => {
  const server = new FakeServer();
  server.hang();
  const connecting = server.connect();
  server.refuse();
  server.admit();
  await expect(connecting).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(server.open).toBe(0);
});

test('a connect given up by its signal rejects with the reason and opens nothing', async () => {
  const clock = new FakeClock();
  const server = new FakeServer({ clock, latencyMs: 10 });
  const slow = new AbortController();
  const connecting = server.connect(slow.signal);
  const reason = new Error('deadline');
  slow.abort(reason);
  await expect(connecting).rejects.toBe(reason);

  server.hang();
  const hung = new AbortController();
  const hanging = server.connect(hung.signal);
  hung.abort(reason);
  await expect(hanging).rejects.toBe(reason);

  await expect(server.connect(hung.signal)).rejects.toBe(reason);
  server.admit();
  await clock.advance(100);
  expect(server).toMatchObject({ aborted: 3, opened: 0, pending: 0 });
  expect(clock.pendingTimers()).toBe(0);
});

test('loseAll() cuts the connections and tells those who listen', async () => {
  const server = new FakeServer();
  const [a, b] = await Promise.all([server.connect(), server.connect()]);
  const heard: string[] = [];
  a.onLost((error) => heard.push(`a: ${error.message}`));
  b.onLost(() => heard.push('b'))();
  expect(server.loseAll(new Error('crash'))).toBe(2);
  expect(heard).toEqual(['a: crash']);
  expect([a.open, a.lostBecause?.message, server.open]).toEqual([false, 'crash', 0]);
  a.lose();
  expect([heard.length, server.closed]).toEqual([1, 2]);
});

test('a close of our own is not a loss', async () => {
  const server = new FakeServer();
  const connection = await server.connect();
  connection.onLost(() => {
    throw new Error('heard a loss');
  });
  connection.close();
  expect(connection.lostBecause).toBeUndefined();
});
