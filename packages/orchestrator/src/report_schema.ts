import {
  count,
  DIALECT,
  type JsonSchema,
  list,
  number,
  orNull,
  record,
  ref,
  TIMESTAMP,
  text,
} from './_json_schema.ts';
import { RUN_HEAD, SHARED } from './_shared_schemas.ts';

const { criterion, environment, verdict, scenario } = SHARED as Record<string, JsonSchema>;

/** JSON Schema of `connection_pool_optimization_report.json`. */
export const REPORT_SCHEMA: JsonSchema = {
  $schema: DIALECT,
  $id: 'urn:fynlo:orchestrator:report:1',
  title: 'Connection pool optimization: report',
  ...record('What a run means: criteria, analysis, recommendations.', {
    ...RUN_HEAD,
    generated_at: TIMESTAMP,
    score_percent: orNull(
      number(
        'Weighted share of the decided criteria that passed, percent; null when none was decided.',
        {
          minimum: 0,
          maximum: 100,
        },
      ),
    ),
    scenarios: list(
      record('How one scenario did.', {
        scenario: ref('scenario'),
        title: text('For people.'),
        weight: number('Its share of the score.'),
        verdict: ref('verdict'),
        passed: count('Criteria.'),
        failed: count('Criteria.'),
        inconclusive: count('Criteria.'),
        skipped: count('Criteria.'),
        points: orNull(number('weight × passed ÷ decided; null when none was decided.')),
      }),
      'In the order they run.',
    ),
    analysis: list(
      record('One thing the numbers show.', {
        scenario: ref('scenario'),
        text: text('A sentence.'),
      }),
      'Findings.',
    ),
    recommendations: list(
      record('Something worth changing, computed from what was measured.', {
        id: text('Stable.'),
        setting: text('What to set.'),
        value: text('To what.'),
        why: text('From which numbers.'),
      }),
      'In the order of the scenarios.',
    ),
  }),
  $defs: {
    ...(criterion && { criterion }),
    ...(environment && { environment }),
    ...(verdict && { verdict }),
    ...(scenario && { scenario }),
  },
};
