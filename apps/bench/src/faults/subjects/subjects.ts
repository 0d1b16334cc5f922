import type { FaultSubject } from '../fault_subject.ts';
import { fynloPool } from './fynlo_pool.ts';
import { genericPool } from './generic_pool.ts';
import { knexPool } from './knex_pool.ts';
import { pgPool } from './pg_pool.ts';
import { postgresJs } from './postgres_js.ts';

/** The columns of the matrix. */
export const FAULT_SUBJECTS: readonly FaultSubject[] = [
  fynloPool,
  pgPool,
  postgresJs,
  knexPool,
  genericPool,
];
