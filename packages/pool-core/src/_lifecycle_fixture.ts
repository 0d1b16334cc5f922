/**
 * A manager in front of a fake server, in virtual time.
 */
import { FakeClock } from '@fynlo/testing/fake-clock';
import { type FakeConnection, FakeServer } from '@fynlo/testing/fake-connection';
import { fakeFactory } from './_fake_factory_fixture.ts';
import {
  type ConnectionFactory,
  DynamicConnectionPoolManager,
  type DynamicConnectionPoolManagerOptions,
} from './manager.ts';

export interface Lifecycle {
  readonly clock: FakeClock;
  readonly server: FakeServer;
  readonly manager: DynamicConnectionPoolManager<FakeConnection>;
  readonly factory: ConnectionFactory<FakeConnection>;
}

/** A started one, 200 ms old. */
export async function setUp(
  options: Partial<DynamicConnectionPoolManagerOptions<FakeConnection>> = {},
  more: Partial<ConnectionFactory<FakeConnection>> = {},
): Promise<Lifecycle> {
  const clock = new FakeClock();
  const server = new FakeServer({ clock, latencyMs: 5 });
  let seed = 0;
  const factory = { ...fakeFactory(server), ...more };
  const manager = new DynamicConnectionPoolManager<FakeConnection>({
    clock,
    // Spread evenly, the same every time.
    random: () => (seed = (seed + 0.618_034) % 1),
    factory,
    ...options,
  });
  void manager.start();
  await clock.advance(200);
  return { clock, server, manager, factory };
}

/** Leases `count` connections at once and gives them back. */
export async function use({ manager, clock }: Lifecycle, count: number): Promise<void> {
  const asked = Array.from({ length: count }, () => manager.getConnection());
  await clock.advance(2_000);
  const leases = await Promise.all(asked);
  for (const lease of leases) void lease.release();
}
