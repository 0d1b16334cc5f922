import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{packages,apps,internal}/*/src/**/*_test.ts', 'tools/**/*_test.ts'],
    globalSetup: ['internal/services/src/vitest_setup.ts'],
    // Leases are proven by garbage collection, so tests may ask for one.
    execArgv: ['--expose-gc'],
    pool: 'forks',
    // Two: the tests' servers need the machine as well.
    maxWorkers: 2,
    // What a test prints is worth reading when it failed; examples print what they explain.
    silent: 'passed-only',
    // Many tests hold real servers to a time; a runner that stood still for a second is not a defect. Reported as retried.
    retry: process.env['CI'] ? 2 : 0,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: ['default', ['json', { outputFile: '.cache/test-report.json' }]],
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      reporter: ['text', 'lcov'],
    },
  },
});
