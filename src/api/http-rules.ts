/**
 * The HTTP rules of the API's methods (google.api.http): a verb and a path template, whose variables are fields of the
 * request. `{name=projects/*\/instances/*}` takes one segment for each `*`; `**` takes any number.
 * Source: google/api/http.proto.
 */
import { apiRoot } from './descriptor.ts';
import { SERVICES } from './methods.ts';

export interface HttpRule {
  readonly verb: string;
  readonly pattern: RegExp;
  /** Paths of the fields that the groups of the pattern give, in order. */
  readonly variables: readonly string[];
  /** `*` for the whole request, a field, or empty for none. */
  readonly body: string;
  readonly service: string;
  readonly method: string;
}

const VERBS = ['get', 'post', 'put', 'patch', 'delete'] as const;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());

function compile(template: string): { readonly pattern: RegExp; readonly variables: readonly string[] } {
  const variables: string[] = [];
  const escaped = template.replace(/[.+?^$()|[\]\\]/g, '\\$&');
  const pattern = escaped.replace(/\{([^}=]+)(?:=([^}]*))?\}/g, (_, name: string, segments = '*') => {
    variables.push(camel(name.replaceAll('\\.', '.')));
    return `(${segments})`;
  });
  const segments = pattern.replaceAll('**', '\0').replaceAll('*', '[^/:]+').replaceAll('\0', '.+');
  return { pattern: new RegExp(`^${segments}$`), variables };
}

function rulesOf(service: string, method: string, options: unknown): HttpRule[] {
  if (!isRecord(options)) return [];
  const rules: HttpRule[] = [];
  for (const verb of VERBS) {
    const template = options[verb];
    if (typeof template !== 'string') continue;
    const body = typeof options['body'] === 'string' ? options['body'] : '';
    rules.push({ verb: verb.toUpperCase(), ...compile(template), body: body === '*' ? body : camel(body), service, method });
  }
  const more = options['additional_bindings'] ?? options['additionalBindings'] ?? [];
  const list: readonly unknown[] = Array.isArray(more) ? more : [more];
  return [...rules, ...list.flatMap((each) => rulesOf(service, method, each))];
}

/** Operations live below instances and databases; their own file has only a general template. */
const OPERATIONS: readonly (readonly [string, string, string])[] = [
  ['GET', 'ListOperations', '/v1/{name=projects/*/instances/*/operations}'],
  ['GET', 'ListOperations', '/v1/{name=projects/*/instances/*/databases/*/operations}'],
  ['GET', 'GetOperation', '/v1/{name=projects/*/instances/*/operations/*}'],
  ['GET', 'GetOperation', '/v1/{name=projects/*/instances/*/databases/*/operations/*}'],
  ['DELETE', 'DeleteOperation', '/v1/{name=projects/*/instances/*/operations/*}'],
  ['DELETE', 'DeleteOperation', '/v1/{name=projects/*/instances/*/databases/*/operations/*}'],
  ['POST', 'CancelOperation', '/v1/{name=projects/*/instances/*/operations/*}:cancel'],
  ['POST', 'CancelOperation', '/v1/{name=projects/*/instances/*/databases/*/operations/*}:cancel'],
];

export function httpRules(): readonly HttpRule[] {
  const rules: HttpRule[] = [];
  for (const [verb, method, template] of OPERATIONS) {
    rules.push({ verb, ...compile(template), body: verb === 'POST' ? '*' : '', service: 'google.longrunning.Operations', method });
  }
  for (const service of SERVICES) {
    for (const [name, method] of Object.entries(apiRoot().lookupService(service).methods)) {
      const options: unknown = method.parsedOptions;
      const list: readonly unknown[] = Array.isArray(options) ? options : [];
      for (const each of list) rules.push(...rulesOf(service, name, each));
    }
  }
  return rules;
}
