/** @jest-config-loader esbuild-register */
import type { Config } from 'jest';

const shared: Config = {
  testEnvironment: 'node',
  // Projects with package.json files of their own; jest would find duplicates of them under .cache.
  modulePathIgnorePatterns: ['<rootDir>/\\.cache/', '<rootDir>/test/consumer/', '<rootDir>/examples/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^nestjs-redis-stream-transport$': '<rootDir>/lib/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: { '^.+\\.ts$': '@swc/jest' },
};

const suite = (name: string): Config => ({
  ...shared,
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.spec.ts`],
});

const config: Config = {
  projects: ['unit', 'types', 'guard', 'contract', 'faults', 'e2e', 'browser'].map(suite) as Config['projects'],
  testTimeout: 30_000,
  coverageProvider: 'v8',
  collectCoverageFrom: ['lib/**/*.ts'],
};

export default config;
