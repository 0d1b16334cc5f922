import { startPostgres } from '@fynlo/services/postgres';
import { EnvironmentError } from '../cli/errors.ts';
import type { ServerEnvironment } from '../measure/environment.ts';
import { lookAtPostgres } from './bench_servers.ts';

/** The server that cases share, each in a database of its own. */
export interface FaultServer extends AsyncDisposable {
  readonly url: string;
  readonly environment: ServerEnvironment;
}

/** Starts it, or takes the one of `DATABASE_URL`. @throws EnvironmentError in one line when there is none */
export async function startFaultServer(note: (line: string) => void): Promise<FaultServer> {
  let server: Awaited<ReturnType<typeof startPostgres>>;
  try {
    server = await startPostgres({ maxConnections: 200, auth: 'scram-sha-256', note });
  } catch (cause) {
    throw new EnvironmentError((cause as Error).message, { cause });
  }
  try {
    const environment = await lookAtPostgres(server);
    return { url: server.url, environment, [Symbol.asyncDispose]: () => server.stop() };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
