/** A fault that the command does not run. */
export interface FaultElsewhere {
  readonly id: string;
  readonly what: string;
  /** The test that runs it on our pool, from the root of the repository; absent: none yet. */
  readonly test?: string;
}

const CORE = 'packages/pool-core/src';

/** What is in the catalogue and not in the matrix: virtual time, several processes or hosts, or our own parts alone. */
export const ELSEWHERE: readonly FaultElsewhere[] = [
  {
    id: 'F07',
    what: 'fork, cluster, worker threads',
    test: 'internal/ecosystem/src/processes_test.ts',
  },
  { id: 'F19', what: 'one packet in five is lost', test: `${CORE}/pg_bad_network_test.ts` },
  { id: 'F20', what: 'idle connections cut by a NAT device', test: `${CORE}/pg_nat_test.ts` },
  {
    id: 'F21',
    what: 'an outage of ten minutes, many processes',
    test: `${CORE}/outage_fleet_test.ts`,
  },
  { id: 'F30', what: 'a standby is promoted', test: `${CORE}/pg_roles_test.ts` },
  { id: 'F31', what: 'a role changes behind a stale name', test: `${CORE}/pg_roles_test.ts` },
  { id: 'F32', what: 'answers of DNS change', test: `${CORE}/pg_hosts_test.ts` },
  { id: 'F33', what: 'a replica lags behind', test: `${CORE}/pg_roles_test.ts` },
  { id: 'F34', what: 'a switchover under open transactions', test: `${CORE}/pg_roles_test.ts` },
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
  { id: 'F46', what: 'a sawtooth load', test: `${CORE}/simulation_test.ts` },
  {
    id: 'F47',
    what: 'the best size of the pool (on a real server: target P14)',
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
  { id: 'F53', what: 'garbage collection', test: `${CORE}/pg_blocked_loop_test.ts` },
  { id: 'F54', what: 'a budget of connections kept in Redis' },
  {
    id: 'F60',
    what: 'a client that is never given back',
    test: 'packages/leak-guard/src/pool_core_leaks_test.ts',
  },
  { id: 'F77', what: 'a password that changes', test: `${CORE}/pg_credentials_test.ts` },
  { id: 'F78', what: 'poolers in between', test: `${CORE}/pg_pooler_test.ts` },
  { id: 'F80', what: 'jumps of the clock', test: `${CORE}/clock_jumps_test.ts` },
  { id: 'F81', what: '500 connections of the same age', test: `${CORE}/pg_lifetime_test.ts` },
  { id: 'F82', what: 'a day of random faults', test: `${CORE}/soak_test.ts` },
  {
    id: 'F83',
    what: 'random calls against a model',
    test: `${CORE}/resource_pool_model_test.ts`,
  },
];
