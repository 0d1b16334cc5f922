/**
 * Connections of a fake server, for a manager.
 */
import type { FakeConnection, FakeServer } from '@fynlo/testing/fake-connection';
import type { ConnectionFactory } from './connection_factory.ts';

export function fakeFactory(server: FakeServer): ConnectionFactory<FakeConnection> {
  return {
    create: async (signal, lost) => {
      const connection = await server.connect(signal);
      connection.onLost(lost);
      return connection;
    },
    destroy: (connection) => connection.close(),
    isUsable: (connection) => connection.open,
  };
}
