// What internal/services/src/vitest_setup.ts provides to every test, for `inject()`.
import 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** A PostgreSQL server of this run alone, max_connections 600. */
    postgresUrl: string;
    /** A Redis server of this run alone. */
    redisUrl: string;
  }
}
