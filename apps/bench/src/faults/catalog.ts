import { downAtStart } from './f01_down_at_start.ts';
import { wrongPassword } from './f02_wrong_password.ts';
import { missingDatabase, tlsUnsupported } from './f03_refused_for_good.ts';
import { slowConnects } from './f04_slow_connects.ts';
import { silentServer } from './f05_silent_server.ts';
import { endUnderway } from './f06_end.ts';
import { serverKilled } from './f10_server_killed.ts';
import { fastShutdown, immediateShutdown, smartShutdown } from './f11_shutdowns.ts';
import { backendsTerminated } from './f12_backends_terminated.ts';
import { answersLost, halfOpen, networkSilent } from './f13_network_silent.ts';
import { stalledBackend } from './f16_stalled_backend.ts';
import { slowStatement } from './f17_slow_statement.ts';
import { finMidMessage, garbage, resetMidResult } from './f18_broken_answers.ts';
import { slowNetwork } from './f19_slow_network.ts';
import { idleCut } from './f20_idle_cut.ts';
import { fleetOutage } from './f21_fleet.ts';
import { listedFailover, openTransactions, staleName } from './f30_switchovers.ts';
import { changedName, deadAddress } from './f32_names.ts';
import { replicaLag } from './f33_replica_lag.ts';
import { roleLimit, serverFull } from './f40_server_full.ts';
import { slowBurst, spike } from './f42_spikes.ts';
import { sawtooth } from './f46_sawtooth.ts';
import { bestSize } from './f47_best_size.ts';
import { cancelledWaiters, queueOrder } from './f48_queues.ts';
import { blockedLoop } from './f52_blocked_loop.ts';
import { garbageCollection } from './f53_garbage_collection.ts';
import { badRelease, doubleRelease } from './f61_releases.ts';
import { openTransaction, sessionState, stillRunning } from './f63_sessions_left.ts';
import { brokenHooks, nestedAcquires, nobodyListens, useAfterRelease } from './f66_misuse.ts';
import { abortedCopies, hugeResult, noticeFlood, openCursor } from './f70_results.ts';
import { cancelRace, changedTable } from './f74_statements.ts';
import { sharedConnections } from './f75_shared_connections.ts';
import { rotatedPassword } from './f77_passwords.ts';
import { clockJumps } from './f80_clock_jumps.ts';
import { sameAge } from './f81_lifetimes.ts';
import { soak } from './f82_soak.ts';
import type { Fault } from './fault.ts';

/** Every fault that the command can run, by id. */
export const FAULTS: readonly Fault[] = [
  downAtStart,
  wrongPassword,
  missingDatabase,
  tlsUnsupported,
  slowConnects,
  silentServer,
  endUnderway,
  serverKilled,
  fastShutdown,
  immediateShutdown,
  smartShutdown,
  backendsTerminated,
  networkSilent,
  answersLost,
  halfOpen,
  stalledBackend,
  slowStatement,
  resetMidResult,
  finMidMessage,
  garbage,
  slowNetwork,
  idleCut,
  fleetOutage,
  listedFailover,
  staleName,
  deadAddress,
  changedName,
  replicaLag,
  openTransactions,
  serverFull,
  roleLimit,
  spike,
  slowBurst,
  sawtooth,
  bestSize,
  cancelledWaiters,
  queueOrder,
  blockedLoop,
  garbageCollection,
  doubleRelease,
  badRelease,
  openTransaction,
  stillRunning,
  sessionState,
  useAfterRelease,
  nestedAcquires,
  brokenHooks,
  nobodyListens,
  hugeResult,
  abortedCopies,
  openCursor,
  noticeFlood,
  cancelRace,
  sharedConnections,
  changedTable,
  rotatedPassword,
  clockJumps,
  sameAge,
  soak,
];

export function faultById(id: string): Fault | undefined {
  return FAULTS.find((fault) => fault.id === id);
}
