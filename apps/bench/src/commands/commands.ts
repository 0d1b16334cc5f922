import type { Command } from '../cli/command.ts';
import { compareCommand } from './compare_command.ts';
import { doctorCommand } from './doctor_command.ts';
import { faultsCommand } from './faults_command.ts';
import { listCommand } from './list_command.ts';
import { microCommand } from './micro_command.ts';
import { reportCommand } from './report_command.ts';
import { runCommand } from './run_command.ts';

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  runCommand,
  faultsCommand,
  listCommand,
  compareCommand,
  reportCommand,
  microCommand,
  doctorCommand,
];
