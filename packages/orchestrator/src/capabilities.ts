/**
 * Power over the PostgreSQL server under test, for the recovery scenario. Only a caller who owns the server gives it;
 * a run against a server in use has none, and then recovery is skipped, with that reason.
 */
export interface ServerControl {
  /** Ends the server as a crash would: no farewell to its clients. */
  kill(): Promise<void>;
  /** Starts it again on the same address and data; resolves once it accepts connections. */
  restart(): Promise<void>;
}

/** Power over a proxy in front of the PostgreSQL server: connections that fall silent without being closed. */
export interface ProxyControl {
  /** The database's URL through the proxy. */
  readonly databaseUrl: string;
  /** From now on no byte passes on the connections open now, in either direction; new ones work. */
  cut(): void | Promise<void>;
  /** Everything passes again. */
  heal(): void | Promise<void>;
}

/** What the caller knows of the servers and this library cannot ask them; printed in the environment block. */
export interface ServerFacts {
  /** How the PostgreSQL server came to be, e.g. `embedded` or `DATABASE_URL`. */
  readonly postgresSource?: string;
  readonly redisSource?: string;
  /** Whether commits wait for the disk. */
  readonly durable?: boolean;
  /** How connections authenticate, e.g. `trust` or `scram-sha-256`: it decides what a connect costs. */
  readonly auth?: string;
  /** One command that repeats the run. */
  readonly command?: string;
}
