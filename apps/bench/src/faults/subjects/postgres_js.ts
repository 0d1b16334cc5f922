import { NotApplicableError } from '../fault.ts';
import type { FaultSubject, Row } from '../fault_subject.ts';

/** As its documentation shows it; by default it keeps idle connections. */
const IDLE_TIMEOUT_S = 20;

export const postgresJs: FaultSubject = {
  name: 'postgres.js',
  settings:
    'max and connect_timeout as the case says, otherwise its defaults (pipelining, prepared statements); a checkout is sql.reserve(). It has no deadline for acquires. F20 and F32n with idle_timeout, F30 and F31 with target_session_attrs primary, F81 with a max_lifetime that is spread as its default is',
  keepsDeadlines: false,
  async open(options) {
    const { default: postgres } = await import('postgres');
    if (options.onConnect !== undefined) {
      throw new NotApplicableError('it has no hook that is awaited for a new connection');
    }
    const { servers, password, maxLifetimeMs, idleTimesBy } = options;
    if (servers?.maxReplicaLagMs !== undefined) {
      throw new NotApplicableError('it does not ask how far a standby is behind');
    }
    const sql = postgres(options.databaseUrl, {
      max: options.max,
      connect_timeout: (options.connectTimeoutMs ?? options.acquireTimeoutMs) / 1_000,
      onnotice: () => undefined,
      ...(password === undefined ? {} : { password }),
      ...(maxLifetimeMs === undefined ? {} : { max_lifetime: spread(maxLifetimeMs / 1_000) }),
      ...(idleTimesBy === undefined ? {} : { idle_timeout: IDLE_TIMEOUT_S * idleTimesBy }),
      ...(servers === undefined
        ? {}
        : { host: servers.hosts.map(({ host, port }) => `${host}:${port}`).join(',') }),
      ...(servers?.role === 'prefer-standby' ? { target_session_attrs: servers.role } : {}),
      // Its 'read-write' takes a hot standby for a server that writes (3.4.9); the documentation of failovers has this.
      ...(servers?.role === 'read-write' || options.writable === true
        ? { target_session_attrs: 'primary' }
        : {}),
      ...(options.tls === true ? { ssl: 'require' } : {}),
    });
    const plain = (values: readonly unknown[] | undefined): never[] => (values ?? []) as never[];
    return {
      query: (text, values) => sql.unsafe(text, plain(values)),
      async acquire() {
        const reserved = await sql.reserve();
        return {
          query: (text, values) => reserved.unsafe(text, plain(values)),
          batches: (text, rows) =>
            reserved.unsafe(text).cursor(rows)[Symbol.asyncIterator]() as AsyncIterableIterator<
              readonly Row[]
            >,
          copyIn: (text) => reserved.unsafe(text).writable(),
          copyOut: (text) => reserved.unsafe(text).readable(),
          release: () => reserved.release(),
        };
      },
      async transaction(work) {
        await sql.begin((own) => work((text, values) => own.unsafe(text, plain(values))));
      },
      prepared: (text, values) => sql.unsafe(text, plain(values), { prepare: true }),
      stoppedAfter(text, ms) {
        const query = sql.unsafe(text);
        const timer = setTimeout(() => query.cancel(), ms);
        return query.then(
          (rows) => {
            clearTimeout(timer);
            return rows;
          },
          (error) => {
            clearTimeout(timer);
            throw error;
          },
        );
      },
      end: () => sql.end(),
      endWithin: (graceMs) => sql.end({ timeout: graceMs / 1_000 }),
    };
  },
};

/**
 * Its documented default, `60 * (30 + Math.random() * 30)`, of another length: from once to twice of it, drawn for each connection.
 * It calls a function for that, which its types do not know of.
 */
function spread(lifetimeS: number): number {
  return (() => lifetimeS * (1 + Math.random())) as unknown as number;
}
