import type {
  AdvancedConnectionPoolOptimizerOptions,
  ProxyControl,
  ServerControl,
} from '@fynlo/orchestrator';
import { startFaultProxy } from '@fynlo/services/fault-proxy';
import type { BenchServers } from './bench_servers.ts';

/** The powers over a server that the recovery scenario wants. */
export interface FaultControls
  extends AsyncDisposable,
    Pick<AdvancedConnectionPoolOptimizerOptions, 'serverControl' | 'proxyControl'> {}

/** A server that was given by URL is not ours to kill; a proxy in front of it harms nobody but us. */
export async function faultControls({ postgres }: BenchServers): Promise<FaultControls> {
  const proxy = await startFaultProxy({ host: postgres.host, port: postgres.port });
  const proxyControl: ProxyControl = {
    databaseUrl: proxy.url(postgres.url),
    cut: () => proxy.set('blackhole', { existing: true, fresh: false }),
    heal: () => proxy.set('pass'),
  };
  const serverControl: ServerControl = {
    kill: () => postgres.kill(),
    restart: () => postgres.restart(),
  };
  return {
    proxyControl,
    ...(postgres.source === 'DATABASE_URL' ? {} : { serverControl }),
    [Symbol.asyncDispose]: () => proxy.close(),
  };
}
