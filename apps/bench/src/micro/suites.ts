import { acquireReleaseSuite } from './acquire_release_suite.ts';
import { histogramSuite } from './histogram_suite.ts';
import type { MicroSuite } from './micro_suite.ts';

export const MICRO_SUITES: readonly MicroSuite[] = [histogramSuite, acquireReleaseSuite];
