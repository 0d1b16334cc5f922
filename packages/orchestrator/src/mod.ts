/**
 * Composes pool, cache, leak guard and resource optimizer: as one connection layer for a service, and as a test of all four
 * on real servers with criteria, files and a report.
 *
 * @module
 */
export { AdvancedConnectionPoolOptimizer } from './advanced_connection_pool_optimizer.ts';
export type * from './cache_result.ts';
export type * from './capabilities.ts';
export type { ConnectionLayer } from './connection_layer.ts';
export { createConnectionLayer } from './connection_layer.ts';
export * from './criterion.ts';
export type * from './environment_report.ts';
export * from './errors.ts';
export type { MetricsHistoryReport } from './history_recorder.ts';
export { HISTORY_SCHEMA } from './history_schema.ts';
export type { HtmlReportContents } from './html_report.ts';
export { renderHtmlReport } from './html_report.ts';
export * from './latency_histogram.ts';
export type { ConnectionLayerOptions } from './layer_options.ts';
export type * from './memory_result.ts';
export type { ColumnarSeries } from './metrics_history.ts';
export type { OpenLoopReport } from './open_loop.ts';
export type { Finding, OptimizationReport } from './optimization_report.ts';
export type * from './optimization_run.ts';
export type { AdvancedConnectionPoolOptimizerOptions } from './options.ts';
export type { GcUsage, ProcessUsage } from './process_monitor.ts';
export type * from './profile.ts';
export { PROFILES } from './profile.ts';
export type * from './progress.ts';
export type { Range } from './range_of.ts';
export type { Recommendation } from './recommendation_policy.ts';
export type * from './recovery_result.ts';
export { REPORT_SCHEMA } from './report_schema.ts';
export type * from './resource_result.ts';
export { RESULTS_SCHEMA } from './results_schema.ts';
export type { ScenarioFrame } from './run_context.ts';
export type { HostEvidence } from './saturation_policy.ts';
export type { ScalingQuality } from './scaling_quality_policy.ts';
export type * from './scaling_result.ts';
export * from './scenario.ts';
export type { ScenarioScore } from './score_policy.ts';
export { SCHEMA_VERSION } from './write_result_files.ts';
