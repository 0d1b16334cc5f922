import { examineNode } from './examine_node.ts';
import { examinePackages } from './examine_packages.ts';
import { examinePostgres } from './examine_postgres.ts';
import { examineRedis } from './examine_redis.ts';
import { type Finding, unknown } from './finding.ts';

export type { Finding } from './finding.ts';

export interface Patient {
  readonly folder: string;
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly nodeOptions: string;
  readonly maxConnections: number;
  readonly instances: number;
}

/** Looks at everything; a part that cannot be looked at is a finding itself. */
export async function examine(patient: Patient): Promise<Finding[]> {
  const { databaseUrl, redisUrl } = patient;
  return [
    ...(await examinePackages(patient.folder)),
    ...examineNode(process.versions.node, patient.nodeOptions),
    ...(databaseUrl === undefined
      ? [unknown('PostgreSQL was not looked at', 'set DATABASE_URL to the URL the service uses')]
      : await examinePostgres(databaseUrl, patient.maxConnections * patient.instances)),
    ...(redisUrl === undefined
      ? [unknown('Redis was not looked at', 'set REDIS_URL to the URL the service uses')]
      : await examineRedis(redisUrl)),
  ];
}
