/** A fault that the command does not run. */
export interface FaultElsewhere {
  readonly id: string;
  readonly what: string;
  /** The test that runs it on our pool, from the root of the repository; absent: none yet. */
  readonly test?: string;
}

const CORE = 'packages/pool-core/src';

/** What is in the catalogue and not in the matrix: virtual time, minutes of load, or parts that a pool has not by itself. */
export const ELSEWHERE: readonly FaultElsewhere[] = [
  {
    id: 'F07',
    what: 'fork, cluster, worker threads',
    test: 'internal/ecosystem/src/processes_test.ts',
  },
  { id: 'F19', what: 'one packet in five is lost', test: `${CORE}/pg_bad_network_test.ts` },
  {
    id: 'F33',
    what: 'reading what one has written from a standby',
    test: `${CORE}/pg_replica_lag_test.ts`,
  },
  {
    id: 'F44',
    what: 'a database at 5 % speed for 4 s (on a real server: target P13)',
    test: `${CORE}/simulation_test.ts`,
  },
  {
    id: 'F45',
    what: '10 to 500 connections and back (on a real server: target P15)',
    test: `${CORE}/simulation_test.ts`,
  },
  {
    id: 'F46',
    what: 'a sawtooth load, in virtual time for a quarter of an hour',
    test: `${CORE}/simulation_test.ts`,
  },
  {
    id: 'F47',
    what: 'the best size of the pool, at seven curves in virtual time (among 200 callers: target P14)',
    test: `${CORE}/simulation_test.ts`,
  },
  {
    id: 'F50',
    what: 'twice the load that can be served',
    test: `packages/resource-optimizer/src/admission_postgres_test.ts`,
  },
  {
    id: 'F51',
    what: 'a noisy tenant',
    test: `packages/resource-optimizer/src/admission_postgres_test.ts`,
  },
  { id: 'F54', what: 'a budget of connections kept in Redis' },
  {
    id: 'F60',
    what: 'a client that is never given back',
    test: 'packages/leak-guard/src/pool_core_leaks_test.ts',
  },
  { id: 'F78', what: 'poolers in between', test: `${CORE}/pg_pooler_test.ts` },
  {
    id: 'F82',
    what: 'a day of random faults, which a command makes last as long',
    test: `${CORE}/soak_test.ts`,
  },
  {
    id: 'F83',
    what: 'random calls against a model of our own pool’s states',
    test: `${CORE}/resource_pool_model_test.ts`,
  },
];
