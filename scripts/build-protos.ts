/**
 * Makes src/api/generated/ from the public .proto files of the development dependency google-proto-files and the small
 * ones beside this script: the definitions of every message and service that the edge speaks, without comments and
 * options, as JSON for protobufjs (descriptor.ts), and as FileDescriptorProtos for gRPC reflection (reflection.ts).
 *
 * The output is TypeScript with one string in it, so that the compiler, the test runner and Node load it alike, and
 * nothing is parsed before it is needed. Usage: node scripts/build-protos.ts
 */
import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { fileDescriptor } from './file-descriptor.ts';

const here = dirname(fileURLToPath(import.meta.url));
const outDir = join(here, '..', 'src', 'api', 'generated');
const require = createRequire(import.meta.url);
const googleDir = dirname(require.resolve('google-proto-files/package.json'));
const commonDir = dirname(require.resolve('protobufjs/package.json'));

const FILES = [
  'google/spanner/v1/spanner.proto',
  'google/spanner/v1/change_stream.proto',
  'google/spanner/admin/database/v1/spanner_database_admin.proto',
  'google/spanner/admin/instance/v1/spanner_instance_admin.proto',
  'google/longrunning/operations.proto',
  'google/rpc/status.proto',
  'google/rpc/error_details.proto',
  'health.proto',
  'reflection_v1.proto',
  'reflection_v1alpha.proto',
];

/** Files that only carry options, which are dropped. */
const OPTION_FILES = /^google\/api\//;

function locate(path: string): string {
  for (const dir of [join(here, 'proto'), googleDir, commonDir]) {
    const candidate = join(dir, path);
    if (existsSync(candidate)) return candidate;
  }
  throw new Error(`proto file not found: ${path}`);
}

/** What google/protobuf/descriptor.proto defines: needed to resolve the files, not by the edge. */
const DESCRIPTOR_FILE = 'google/protobuf/descriptor.proto';
const OPTION_TYPES =
  /^(FileDescriptorSet|Edition|SymbolVisibility|\w*DescriptorProto|ExtensionRangeOptions|(File|Message|Field|Oneof|Enum|EnumValue|Service|Method)Options|UninterpretedOption|FeatureSet|FeatureSetDefaults|SourceCodeInfo|GeneratedCodeInfo)$/;

/** Members of these are named by the .proto files; members of anything else by protobufjs. */
const NAME_MAPS: ReadonlySet<string> = new Set(['nested', 'fields', 'methods', 'values', 'oneofs']);

/** The JSON without options, except proto3 optional and the HTTP rules of methods, which the REST edge reads. */
function trim(node: unknown, namesOf?: string): unknown {
  if (Array.isArray(node)) return node.map((item) => trim(item));
  if (!isRecord(node)) return node;
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(node)) {
    if (namesOf !== undefined) {
      // An extension of options has no use without them.
      if (!(isRecord(value) && 'extend' in value)) out[name] = trim(value);
    } else if (name === 'parsedOptions') {
      const http = httpRules(value);
      if (http.length > 0) out['parsedOptions'] = http;
    } else if (name === 'options') {
      const kept = keptOptions(value);
      if (kept !== undefined) out[name] = kept;
    } else if (name !== 'comment' && name !== 'reserved') out[name] = trim(value, NAME_MAPS.has(name) ? name : undefined);
  }
  return out;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function keptOptions(options: unknown): unknown {
  if (typeof options !== 'object' || options === null || !('proto3_optional' in options)) return undefined;
  return { proto3_optional: true };
}

function httpRules(parsed: unknown): unknown[] {
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((option: Record<string, unknown>) => ('(google.api.http)' in option ? [option['(google.api.http)']] : []));
}

/** What protobufjs gives as JSON, as far as it is read here. */
interface NestedJson {
  nested?: Record<string, object>;
}

const nestedOf = (json: NestedJson | undefined): Record<string, object> => json?.nested ?? {};

function dropOptionTypes(json: NestedJson): void {
  const google = nestedOf(nestedOf(json)['google']);
  delete google['api'];
  const common = nestedOf(google['protobuf']);
  for (const name of Object.keys(common)) if (OPTION_TYPES.test(name)) delete common[name];
}

/** Parses every file into one root. Names stay as written for reflection, and become camelCase for JSON. */
function load(keepCase: boolean): { root: protobuf.Root; files: readonly string[] } {
  const root = new protobuf.Root();
  const files = new Set<string>();
  const visit = (path: string): void => {
    if (files.has(path) || OPTION_FILES.test(path)) return;
    files.add(path);
    // Names the file in the parser's errors; the types leave it out.
    Object.assign(protobuf.parse, { filename: path });
    const parsed = protobuf.parse(readFileSync(locate(path), 'utf8'), root, { keepCase });
    for (const each of [...(parsed.imports ?? []), ...(parsed.weakImports ?? [])]) visit(each);
  };
  for (const path of FILES) visit(path);
  root.resolveAll();
  return { root, files: [...files].filter((path) => path !== DESCRIPTOR_FILE) };
}

function main(): void {
  const json = load(false).root.toJSON();
  dropOptionTypes(json);
  mkdirSync(outDir, { recursive: true });
  write('descriptor.ts', 'DESCRIPTOR_JSON', 'Definitions of the public API as JSON for protobufjs.', JSON.stringify(trim(json)));
  const { root, files } = load(true);
  const reflection = files.map((path) => {
    const [bytes, symbols] = fileDescriptor(root, path);
    return { path, bytes: bytes.toString('base64'), symbols };
  });
  write('reflection.ts', 'REFLECTION_JSON', 'FileDescriptorProtos (base64) and the symbols each defines.', JSON.stringify(reflection));
}

function write(file: string, name: string, what: string, text: string): void {
  const source = `/** ${what} Made by scripts/build-protos.ts. */\nexport const ${name}: string =\n  ${JSON.stringify(text)};\n`;
  const path = join(outDir, file);
  if (existsSync(path) && readFileSync(path, 'utf8') === source) return;
  writeFileSync(path, source);
}

main();
