/** A JSON Schema (draft 2020-12), as far as it is used here. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly $id?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly anyOf?: readonly JsonSchema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

export const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/** A number with its meaning and unit. */
export function number(
  description: string,
  bounds: { minimum?: number; maximum?: number } = {},
): JsonSchema {
  return { type: 'number', description, ...bounds };
}

export function count(description: string): JsonSchema {
  return { type: 'integer', minimum: 0, description };
}

export function text(description: string): JsonSchema {
  return { type: 'string', description };
}

export function bool(description: string): JsonSchema {
  return { type: 'boolean', description };
}

export function list(items: JsonSchema, description: string): JsonSchema {
  return { type: 'array', items, description };
}

/** All properties are required; more may stand beside them, which is no new version of the schema. */
export function record(description: string, properties: Record<string, JsonSchema>): JsonSchema {
  return {
    type: 'object',
    description,
    properties,
    required: Object.keys(properties),
    additionalProperties: true,
  };
}

export function orNull(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: 'null' }] };
}

export function ref(name: string): JsonSchema {
  return { $ref: `#/$defs/${name}` };
}

export const TIMESTAMP: JsonSchema = number('Milliseconds since the Unix epoch.', { minimum: 0 });
