/**
 * Google's emulator as an oracle: found on this machine, started on a free port, asked statement by statement. Tests that
 * need it are skipped, with the reason printed, where it is not installed.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, TrestleError } from '../../src/base/errors.ts';
import { Channel, DATABASE_ADMIN, INSTANCE_ADMIN, SPANNER } from '../../src/client/channel.ts';
import type { WireField, WireType, WireValue } from '../../src/client/wire.ts';
import { typeToWire } from '../../src/sql/types/wire.ts';
import type { SqlType } from '../../src/sql/types/types.ts';

export const NO_EMULATOR = 'no emulator_main found: set SPANNER_EMULATOR_BINARY, or install the emulator component of the Google Cloud CLI';

/** The binary: named by SPANNER_EMULATOR_BINARY, on the PATH, or a component of the Google Cloud CLI. */
export function findEmulator(): string | undefined {
  const named = process.env['SPANNER_EMULATOR_BINARY'];
  if (named !== undefined) return existsSync(named) ? named : undefined;
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const direct = join(folder, 'emulator_main');
    if (existsSync(direct)) return direct;
    const cli = join(folder, 'gcloud');
    if (!existsSync(cli)) continue;
    const component = join(dirname(realpathSync(cli)), 'cloud_spanner_emulator', 'emulator_main');
    if (existsSync(component)) return component;
  }
  return undefined;
}

/** What a statement gave: columns and rows in wire form, or the code of its error. */
export type Answer =
  | { readonly kind: 'rows'; readonly columns: readonly { readonly name: string; readonly type: unknown }[]; readonly rows: readonly (readonly unknown[])[]; readonly rowCount?: string }
  | { readonly kind: 'error'; readonly code: number; readonly message: string };

export interface Parameter {
  readonly name: string;
  readonly type: SqlType | undefined;
  readonly value: unknown;
}

const INSTANCE = 'projects/oracle/instances/oracle';
const START_MILLIS_MAX = 20_000;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export class Emulator {
  readonly #process: ChildProcess;
  readonly #channel: Channel;
  #databases = 0;

  private constructor(process_: ChildProcess, channel: Channel) {
    this.#process = process_;
    this.#channel = channel;
  }

  static async start(binary: string): Promise<Emulator> {
    const port = await freePort();
    const child = spawn(binary, ['--host_port', `127.0.0.1:${port}`], { stdio: 'ignore' });
    const emulator = new Emulator(child, new Channel(`127.0.0.1:${port}`));
    for (let waited = 0; ; waited += 100) {
      try {
        await emulator.#call(INSTANCE_ADMIN, 'CreateInstance', { parent: 'projects/oracle', instanceId: 'oracle', instance: { config: 'projects/oracle/instanceConfigs/emulator-config', displayName: 'oracle', nodeCount: 1 } });
        return emulator;
      } catch (error) {
        if (waited > START_MILLIS_MAX) throw error;
        await sleep(100);
      }
    }
  }

  /** Statements of schema, then a session to ask in. */
  async database(ddl: readonly string[]): Promise<OracleSession> {
    const id = `db${++this.#databases}`;
    await this.#call(DATABASE_ADMIN, 'CreateDatabase', { parent: INSTANCE, createStatement: `CREATE DATABASE ${id}`, extraStatements: ddl });
    const session = await this.#call(SPANNER, 'CreateSession', { database: `${INSTANCE}/databases/${id}` });
    return new OracleSession(this.#channel, String(session['name']));
  }

  async stop(): Promise<void> {
    this.#channel.close();
    const gone = new Promise((resolve) => {
      this.#process.once('exit', resolve);
    });
    this.#process.kill('SIGTERM');
    await gone;
  }

  #call(service: string, method: string, request: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
    return this.#channel.unary(service, method, request, { timeoutMillis: 20_000 });
  }
}

export class OracleSession {
  readonly #channel: Channel;
  readonly #session: string;

  constructor(channel: Channel, session: string) {
    this.#channel = channel;
    this.#session = session;
  }

  /** Runs a query, or a DML statement in a transaction that is rolled back after reading `after`. */
  async run(sql: string, parameters: readonly Parameter[] = []): Promise<Answer> {
    try {
      return await this.#execute({ sql, ...wireParameters(parameters) });
    } catch (error) {
      if (error instanceof TrestleError && error.code !== Code.UNAVAILABLE) return { kind: 'error', code: error.code, message: error.message };
      throw error;
    }
  }

  /** A DML statement and what a query sees after it, in a transaction that leaves nothing. */
  async dml(sql: string, after: string, commit = false): Promise<readonly [Answer, Answer | undefined]> {
    const begun = await this.#channel.unary(SPANNER, 'BeginTransaction', { session: this.#session, options: { readWrite: {} } });
    const transaction = { id: begun['id'] };
    try {
      const answer = await this.#execute({ sql, transaction, seqno: 1 });
      const seen = await this.#execute({ sql: after, transaction, seqno: 2 });
      if (commit) await this.#channel.unary(SPANNER, 'Commit', { session: this.#session, transactionId: begun['id'] });
      return [answer, seen];
    } catch (error) {
      if (error instanceof TrestleError && error.code !== Code.UNAVAILABLE) return [{ kind: 'error', code: error.code, message: error.message }, undefined];
      throw error;
    } finally {
      if (!commit) await this.#channel.unary(SPANNER, 'Rollback', { session: this.#session, transactionId: begun['id'] });
    }
  }

  async #execute(request: Readonly<Record<string, unknown>>): Promise<Answer> {
    const result = await this.#channel.unary(SPANNER, 'ExecuteSql', { session: this.#session, ...request }, { timeoutMillis: 20_000 });
    const metadata = result['metadata'] as { readonly rowType: { readonly fields: readonly WireField[] } | null } | null;
    const rows = result['rows'] as readonly { readonly values: readonly WireValue[] }[];
    const stats = result['stats'] as { readonly rowCountExact?: string } | null;
    return {
      kind: 'rows',
      columns: (metadata?.rowType?.fields ?? []).map((f) => ({ name: f.name, type: plainType(f.type) })),
      rows: rows.map((r) => r.values.map(plainValue)),
      ...(stats?.rowCountExact === undefined ? {} : { rowCount: stats.rowCountExact }),
    };
  }
}

/** Only what tells types apart, in the shape of typeToWire. */
function plainType(type: WireType): unknown {
  return {
    code: type.code,
    ...(type.arrayElementType ? { arrayElementType: plainType(type.arrayElementType) } : {}),
    ...(type.structType ? { structType: { fields: type.structType.fields.map((f) => ({ name: f.name, type: plainType(f.type) })) } } : {}),
  };
}

function plainValue(value: WireValue): unknown {
  if ('numberValue' in value) return value.numberValue;
  if ('stringValue' in value) return value.stringValue;
  if ('boolValue' in value) return value.boolValue;
  if ('listValue' in value) return value.listValue.values.map(plainValue);
  return null;
}

function wireValue(value: unknown): unknown {
  if (value === null || value === undefined) return { nullValue: 0 };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(wireValue) } };
  return { stringValue: String(value) };
}

function wireParameters(parameters: readonly Parameter[]): Readonly<Record<string, unknown>> {
  if (parameters.length === 0) return {};
  return {
    params: { fields: Object.fromEntries(parameters.map((p) => [p.name, wireValue(p.value)])) },
    paramTypes: Object.fromEntries(parameters.flatMap((p) => (p.type === undefined ? [] : [[p.name, typeToWire(p.type)]]))),
  };
}
