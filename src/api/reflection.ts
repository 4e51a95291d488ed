/**
 * gRPC server reflection, v1 and v1alpha, which are the same messages under two names: tools such as grpcurl ask it
 * what there is. The descriptors are loaded when the first one is asked for.
 * Source: grpc/reflection/v1/reflection.proto.
 */
import { assert } from '../base/assert.ts';
import { Code } from '../base/errors.ts';
import { ProtoReader } from './wire/reader.ts';
import { ProtoWriter } from './wire/writer.ts';

export const REFLECTION_SERVICES: readonly string[] = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];
export const REFLECTION_METHOD = 'ServerReflectionInfo';

interface FileEntry {
  readonly path: string;
  readonly bytes: string;
  readonly symbols: readonly string[];
}

interface Index {
  readonly byPath: ReadonlyMap<string, FileEntry>;
  readonly bySymbol: ReadonlyMap<string, FileEntry>;
}

let cached: Index | undefined;

async function index(): Promise<Index> {
  if (cached === undefined) {
    const { REFLECTION_JSON } = await import('./generated/reflection.ts');
    const files: unknown = JSON.parse(REFLECTION_JSON);
    assert(Array.isArray(files), 'the descriptors are a list');
    const entries = files as FileEntry[];
    cached = {
      byPath: new Map(entries.map((file) => [file.path, file])),
      bySymbol: new Map(entries.flatMap((file) => file.symbols.map((symbol) => [symbol, file] as const))),
    };
  }
  return cached;
}

/** The file and everything that it depends on, since clients need not ask for each. */
function withDependencies(found: Index, file: FileEntry): Buffer[] {
  const seen = new Set<string>();
  const out: Buffer[] = [];
  const visit = (entry: FileEntry): void => {
    if (seen.has(entry.path)) return;
    seen.add(entry.path);
    const bytes = Buffer.from(entry.bytes, 'base64');
    out.push(bytes);
    const reader = new ProtoReader(bytes);
    while (reader.next()) {
      if (reader.field === 3) {
        const dependency = found.byPath.get(reader.string());
        if (dependency !== undefined) visit(dependency);
      } else reader.skip();
    }
  };
  visit(file);
  return out;
}

const FILE_BY_NAME = 3;
const FILE_BY_SYMBOL = 4;
const LIST_SERVICES = 7;

function writeFiles(writer: ProtoWriter, found: Index, file: FileEntry | undefined, what: string): void {
  if (file === undefined) {
    writeError(writer, Code.NOT_FOUND, `Not found: ${what.slice(0, 200)}`);
    return;
  }
  const start = writer.begin(4);
  for (const bytes of withDependencies(found, file)) writer.bytes(1, bytes);
  writer.end(start);
}

function writeError(writer: ProtoWriter, code: Code, message: string): void {
  const start = writer.begin(7);
  writer.int(1, code);
  writer.string(2, message);
  writer.end(start);
}

/** Answers one request of the stream. */
export async function reflect(request: Buffer, services: readonly string[]): Promise<Buffer> {
  const found = await index();
  const reader = new ProtoReader(request);
  const writer = new ProtoWriter();
  let answered = false;
  while (reader.next()) {
    const field = reader.field;
    if (field === 1) writer.string(1, reader.string());
    else if (field === FILE_BY_NAME || field === FILE_BY_SYMBOL) {
      const name = reader.string();
      writeFiles(writer, found, field === FILE_BY_NAME ? found.byPath.get(name) : found.bySymbol.get(name), name);
      answered = true;
    } else if (field === LIST_SERVICES) {
      reader.skip();
      const start = writer.begin(6);
      for (const service of services) {
        const at = writer.begin(1);
        writer.string(1, service);
        writer.end(at);
      }
      writer.end(start);
      answered = true;
    } else reader.skip();
  }
  // The public API has no extensions.
  if (!answered) writeError(writer, Code.NOT_FOUND, 'There are no extensions.');
  writer.bytes(2, request);
  return writer.finish();
}
