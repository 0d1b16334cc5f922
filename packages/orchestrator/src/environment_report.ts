import type { ServerFacts } from './capabilities.ts';

/** Where the numbers come from. A measurement without this says nothing. */
export interface EnvironmentReport {
  readonly node: string;
  readonly platform: string;
  readonly cpuModel: string;
  readonly cores: number;
  readonly coresSource: string;
  readonly memoryBytes: number;
  readonly memorySource: string;
  readonly loadPerCoreBefore: number;
  /** Versions of this package, of its four parts, and of the drivers. */
  readonly packages: Readonly<Record<string, string>>;
  readonly postgres: PostgresReport;
  readonly redis: RedisReport;
  readonly facts: ServerFacts;
  /** Things that do not stop the run and that a reader should know. */
  readonly warnings: readonly string[];
}

export interface PostgresReport {
  /** Host, port and database; never user or password. */
  readonly address: string;
  readonly version: string;
  readonly maxConnections: number;
  /** Slots this run may use: the maximum less the reserved ones and those in use before it began. */
  readonly freeConnections: number;
  readonly sharedBuffers: string;
  readonly fsync: string;
  readonly synchronousCommit: string;
}

export interface RedisReport {
  readonly address: string;
  readonly version: string;
  readonly maxmemory: string;
  readonly maxmemoryPolicy: string;
}
