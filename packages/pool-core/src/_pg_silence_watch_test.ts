import { FakeClock } from '@fynlo/testing/fake-clock';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { SilenceWatch } from './_pg_silence_watch.ts';

/** A client that has waited for an answer ever since, and hears nothing. */
const silent = {
  processID: 1,
  _activeQuery: {},
  connection: { stream: { bytesRead: 0, destroyed: false, destroy: () => undefined } },
} as unknown as pg.Client;

/** Clients whose connect is not answered: it fails when their socket is destroyed. */
function unanswered(): { made: number; newClient: () => pg.Client } {
  const clients = {
    made: 0,
    newClient(): pg.Client {
      clients.made++;
      let fail: (error?: Error) => void = () => undefined;
      return {
        on: () => undefined,
        connect: () =>
          new Promise((_, reject) => {
            fail = (error) => reject(error ?? new Error('destroyed'));
          }),
        end: async () => undefined,
        connection: { stream: { destroy: (error?: Error) => fail(error) } },
      } as unknown as pg.Client;
    },
  };
  return clients;
}

test('F13 a new connection that is not answered is followed by the next at once, and by none after a verdict', async () => {
  const clock = new FakeClock();
  const clients = unanswered();
  let unreachable = 0;
  let lost: readonly pg.Client[] = [];
  const watch = new SilenceWatch({
    clock,
    silenceMs: 1_500,
    waits: () => true,
    lent: () => (lost.length === 0 ? [silent] : []),
    newClient: clients.newClient,
    serverOf: () => 'one',
    connected: () => [],
    pooler: { verdict: { backendPids: true } as never, settle: () => new Promise(() => undefined) },
    lost: (clients) => {
      lost = clients;
    },
    reached: () => undefined,
    unreachable: () => {
      unreachable++;
    },
  });
  watch.watch();
  // Seen waiting at the first look (100 ms), silent for 1.5 s at the one of 1,600 ms.
  await clock.advance(1_600);
  expect(clients.made).toBe(1);
  // Its 1.5 s are over between two looks.
  await clock.advance(1_500);
  expect({ made: clients.made, unreachable, lost }).toEqual({ made: 2, unreachable: 1, lost: [] });
  await clock.advance(5_000);
  expect({ made: clients.made, unreachable, lost }).toEqual({
    made: 2,
    unreachable: 2,
    lost: [silent],
  });
  watch.stop();
});
