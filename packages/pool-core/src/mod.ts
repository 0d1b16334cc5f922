export * from './manager.ts';
