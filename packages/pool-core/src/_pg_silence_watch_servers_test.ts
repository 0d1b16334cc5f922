/** The watch over silent connections, with several servers. */
import { FakeClock } from '@fynlo/testing/fake-clock';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { SilenceWatch } from './_pg_silence_watch.ts';

interface Fake {
  readonly server: string;
  readonly processID: number;
  _activeQuery: object | null;
  readonly connection: { stream: { bytesRead: number; destroy: () => void } };
}

/** Servers that each answer a new connection, or leave it waiting; those that answer say this of what they do. */
function servers(answers: Readonly<Record<string, boolean>>, state = 'idle') {
  const clock = new FakeClock();
  const told: string[] = [];
  const asked: string[] = [];
  const connections: Fake[] = [];
  const lent = (): Fake[] => connections.filter(({ _activeQuery }) => _activeQuery !== null);

  function open(server: string): Fake {
    const processID = connections.length + 1;
    const destroy = (): void => {
      client._activeQuery = null;
      told.push(`${server} ${processID}`);
    };
    const stream = { bytesRead: 0, destroy };
    const client: Fake = { server, processID, _activeQuery: {}, connection: { stream } };
    connections.push(client);
    return client;
  }

  function newClient(other: pg.Client): pg.Client {
    const { server } = other as unknown as Fake;
    asked.push(server);
    let fail: (error?: Error) => void = () => undefined;
    const unanswered = new Promise<void>((_, reject) => {
      fail = (error) => reject(error ?? new Error('destroyed'));
    });
    return {
      on: () => undefined,
      connect: () => (answers[server] ? Promise.resolve() : unanswered),
      query: async (_: string, [pids]: [number[]]) => ({
        rows: pids.map((pid) => ({ pid, state })),
      }),
      end: async () => undefined,
      connection: { stream: { destroy: (error?: Error) => fail(error) } },
    } as unknown as pg.Client;
  }

  let missed = 0;
  const watch = new SilenceWatch({
    clock,
    silenceMs: 1_500,
    waits: () => lent().length > 0,
    lent: () => lent() as unknown as pg.Client[],
    connected: () => connections as unknown as pg.Client[],
    newClient,
    serverOf: (client) => (client as unknown as Fake).server,
    pooler: {
      verdict: { backendPids: true } as never,
      settle: async () => ({ settled: true, backendPids: true }) as never,
    },
    lost: () => undefined,
    reached: () => undefined,
    unreachable: () => {
      missed++;
    },
  });
  return { clock, told, asked, connections, open, watch, missed: () => missed };
}

test('a server is asked while another, whose connections come first, leaves its question unanswered', async () => {
  const { clock, told, asked, open, watch } = servers({ a: false, b: true });
  open('a');
  open('b');
  watch.watch();
  // Seen waiting at the first look (100 ms), silent for 1.5 s at the one of 1,600 ms.
  await clock.advance(1_600);
  expect(asked).toEqual(['a', 'b']);
  // Asked twice, 50 ms apart.
  await clock.advance(50);
  expect(told).toEqual(['b 2']);
  await clock.advance(1_450 + 5_000);
  expect(told).toEqual(['b 2', 'a 1']);
  expect(asked).toEqual(['a', 'b', 'a']);
  watch.stop();
});

test('a server that answers does not interrupt the verdict over one that does not, and a byte from the one is no sign of the other', async () => {
  const { clock, told, asked, open, watch } = servers({ a: false, b: true });
  open('a');
  watch.watch();
  await clock.advance(500);
  const talks = open('b');
  for (let ms = 500; ms < 8_250; ms += 250) {
    talks.connection.stream.bytesRead++;
    // One more that is silent: the server is asked about it, and answers.
    if (ms === 2_000) open('b');
    await clock.advance(250);
  }
  expect(asked).toEqual(['a', 'a', 'b']);
  expect(told).toEqual(['b 3', 'a 1']);
  watch.stop();
});

test('a silence that one server ended late makes the watch no more patient with another', async () => {
  const { clock, asked, open, watch } = servers({ a: true, b: true });
  const late = open('a');
  watch.watch();
  await clock.advance(1_500);
  late.connection.stream.bytesRead++;
  await clock.advance(250);
  open('b');
  await clock.advance(1_750);
  expect(asked).toEqual(['b']);
  // The same silence on the first server's side is borne for some 4 s by now.
  await clock.advance(500);
  expect(asked).toEqual(['b']);
  await clock.advance(2_000);
  expect(asked).toEqual(['b', 'a']);
  watch.stop();
});

test('a slow statement is asked about once in its silence of 1.5 s, and who falls silent meanwhile no later for it', async () => {
  const { clock, asked, open, watch } = servers({ a: true }, 'active');
  open('a');
  watch.watch();
  await clock.advance(1_600);
  expect(asked).toEqual(['a']);
  open('a');
  await clock.advance(1_400);
  expect(asked).toEqual(['a']);
  // The slow one again at 3.1 s, the other for the first time at 3.2 s.
  await clock.advance(200);
  expect(asked).toEqual(['a', 'a', 'a']);
  await clock.advance(60_000 - 3_200);
  expect(asked.length).toBeLessThan(2 * 41);
  watch.stop();
});

test('two servers are watched by one timer', async () => {
  const { clock, open, watch } = servers({ a: true, b: true });
  open('a');
  open('b');
  watch.watch();
  await clock.advance(1_000);
  expect(clock.pendingTimers()).toBe(1);
  watch.stop();
  expect(clock.pendingTimers()).toBe(0);
});

test('stopping ends the questions to all servers', async () => {
  const { clock, asked, told, open, watch, missed } = servers({ a: false, b: false });
  open('a');
  open('b');
  watch.watch();
  await clock.advance(2_000);
  expect(asked).toEqual(['a', 'b']);
  watch.stop();
  await clock.advance(20_000);
  expect({ asked, told, missed: missed() }).toEqual({ asked: ['a', 'b'], told: [], missed: 0 });
  expect(clock.pendingTimers()).toBe(0);
});

test('a doubt ends with what it was about: who comes later has two questions unanswered as well before the verdict', async () => {
  const { clock, told, asked, open, watch, missed } = servers({ a: false, b: true });
  const gone = open('a');
  watch.watch();
  await clock.advance(2_000);
  // Its user gives up before the first question is over.
  gone._activeQuery = null;
  await clock.advance(2_000);
  expect([asked, missed()]).toEqual([['a'], 1]);
  open('a');
  watch.watch();
  await clock.advance(1_750 + 5_000 + 100);
  expect([asked, told]).toEqual([['a', 'a', 'a'], []]);
  await clock.advance(1_500);
  expect(told).toEqual(['a 2']);
  watch.stop();
});

test('what was learnt of a server lasts while it has connections, lent or not, and no longer', async () => {
  const { clock, asked, connections, open, watch } = servers({ a: true, b: true });
  // Three seconds of patience with it from here on, for a while.
  async function learn(): Promise<Fake> {
    const late = open('a');
    watch.watch();
    await clock.advance(1_250);
    late.connection.stream.bytesRead++;
    await clock.advance(250);
    late._activeQuery = null;
    await clock.advance(250);
    return late;
  }
  /** @returns whether it is asked about after 1.5 s already */
  async function isAskedSoon(): Promise<boolean> {
    const before = asked.length;
    const client = open('a');
    watch.watch();
    await clock.advance(1_750);
    client._activeQuery = null;
    await clock.advance(500);
    return asked.length > before;
  }
  await learn();
  expect(await isAskedSoon()).toBe(false);
  connections.length = 0;
  // The look at which it is seen to have none.
  const other = open('b');
  watch.watch();
  await clock.advance(250);
  other._activeQuery = null;
  expect(await isAskedSoon()).toBe(true);
  watch.stop();
});
