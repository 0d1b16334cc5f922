import { NotApplicableError } from '../fault.ts';
import type { FaultSubject, Row } from '../fault_subject.ts';

export const postgresJs: FaultSubject = {
  name: 'postgres.js',
  settings:
    'max and connect_timeout as the case says, otherwise its defaults (pipelining, prepared statements); a checkout is sql.reserve(). It has no deadline for acquires',
  keepsDeadlines: false,
  async open(options) {
    const { default: postgres } = await import('postgres');
    if (options.onConnect !== undefined) {
      throw new NotApplicableError('it has no hook that is awaited for a new connection');
    }
    const { servers, password, maxLifetimeMs } = options;
    if (servers?.maxReplicaLagMs !== undefined) {
      throw new NotApplicableError('it does not ask how far a standby is behind');
    }
    const sql = postgres(options.databaseUrl, {
      max: options.max,
      connect_timeout: (options.connectTimeoutMs ?? options.acquireTimeoutMs) / 1_000,
      onnotice: () => undefined,
      ...(password === undefined ? {} : { password }),
      ...(maxLifetimeMs === undefined ? {} : { max_lifetime: maxLifetimeMs / 1_000 }),
      ...(servers === undefined
        ? {}
        : {
            host: servers.hosts.map(({ host, port }) => `${host}:${port}`).join(','),
            target_session_attrs: servers.role,
          }),
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
