/** Administration over raw gRPC, and what tools ask: health, reflection, methods that are not there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as grpc from '@grpc/grpc-js';
import { Code } from '../../src/base/errors.ts';
import { apiRoot } from '../../src/api/descriptor.ts';
import { methodTable, SERVICES } from '../../src/api/methods.ts';
import { CallsByPriority } from '../../src/api/priorities.ts';
import type { Edge } from '../../src/api/data/edge.ts';
import { ProtoReader } from '../../src/api/wire/reader.ts';
import { ProtoWriter } from '../../src/api/wire/writer.ts';
import { DATABASE, failure, INSTANCE, PROJECT, TestEdge, type Message, type RawClient } from './harness.ts';

let edge: TestEdge;
let client: RawClient;

beforeAll(async () => {
  edge = await TestEdge.start();
  client = edge.client();
});
afterAll(() => edge.close());

const any = (operation: Message, part: 'metadata' | 'response', type: string): Message => {
  const packed = operation[part] as { typeUrl: string; value: Buffer };
  expect(packed.typeUrl).toBe(`type.googleapis.com/${type}`);
  const found = apiRoot().lookupType(type);
  return found.toObject(found.decode(packed.value), { longs: Number, enums: String });
};

describe('instances', () => {
  it('creates, gets, lists, updates, deletes', async () => {
    const instance = { config: `${PROJECT}/instanceConfigs/regional-somewhere`, displayName: 'Mine', nodeCount: 2, labels: { env: 'test' } };
    const created = await client.unary('InstanceAdmin', 'CreateInstance', { parent: PROJECT, instanceId: 'mine', instance });
    expect(created['done']).toBe(true);
    const type = 'google.spanner.admin.instance.v1.Instance';
    expect(any(created, 'response', type)).toMatchObject({ name: `${PROJECT}/instances/mine`, processingUnits: 2000, state: 'READY' });
    expect(any(created, 'metadata', 'google.spanner.admin.instance.v1.CreateInstanceMetadata')['instance']).toMatchObject({ displayName: 'Mine' });
    expect(await client.unary('Operations', 'GetOperation', { name: created['name'] })).toEqual(created);
    const listed = await client.unary('InstanceAdmin', 'ListInstances', { parent: PROJECT, filter: 'labels.env:test' });
    expect((listed['instances'] as Message[]).map((i) => i['displayName'])).toEqual(['Mine']);
    await client.unary('InstanceAdmin', 'UpdateInstance', { instance: { name: `${PROJECT}/instances/mine`, displayName: 'Other' }, fieldMask: { paths: ['display_name'] } });
    expect(await client.unary('InstanceAdmin', 'GetInstance', { name: `${PROJECT}/instances/mine` })).toMatchObject({ displayName: 'Other', nodeCount: 2 });
    await client.unary('InstanceAdmin', 'DeleteInstance', { name: `${PROJECT}/instances/mine` });
    await client.unary('InstanceAdmin', 'DeleteInstance', { name: `${PROJECT}/instances/mine` });
    const error = await failure(client.unary('InstanceAdmin', 'GetInstance', { name: `${PROJECT}/instances/mine` }));
    expect(error.code).toBe(Code.NOT_FOUND);
    expect(error.metadata.get('google.rpc.resourceinfo-bin')).toHaveLength(1);
  });

  it.each([
    [{ parent: PROJECT, instanceId: 'X', instance: { config: `${PROJECT}/instanceConfigs/c` } }],
    [{ parent: PROJECT, instanceId: 'both', instance: { config: `${PROJECT}/instanceConfigs/c`, nodeCount: 1, processingUnits: 1000 } }],
    [{ parent: PROJECT, instanceId: 'odd', instance: { config: `${PROJECT}/instanceConfigs/c`, processingUnits: 1500 } }],
    [{ parent: PROJECT, instanceId: 'nocfg', instance: {} }],
    [{ parent: PROJECT, instanceId: 'none' }],
    [{ parent: 'nothing', instanceId: 'none', instance: {} }],
  ])('refuses %j', async (request) => {
    expect((await failure(client.unary('InstanceAdmin', 'CreateInstance', request))).code).toBe(Code.INVALID_ARGUMENT);
  });

  it('lists its config', async () => {
    const { instanceConfigs } = await client.unary('InstanceAdmin', 'ListInstanceConfigs', { parent: PROJECT });
    expect(instanceConfigs).toMatchObject([{ name: `${PROJECT}/instanceConfigs/emulator-config`, replicas: [{ type: 'READ_WRITE' }] }]);
    expect(await client.unary('InstanceAdmin', 'GetInstanceConfig', { name: `${PROJECT}/instanceConfigs/emulator-config` })).toMatchObject({ leaderOptions: ['local'] });
  });
});

describe('databases', () => {
  it('creates with extra statements, updates its schema, lists its operations, drops', async () => {
    const created = await client.unary('DatabaseAdmin', 'CreateDatabase', { parent: INSTANCE, createStatement: 'CREATE DATABASE `my-db`', extraStatements: ['CREATE TABLE A (k INT64) PRIMARY KEY (k)'] });
    expect(any(created, 'response', 'google.spanner.admin.database.v1.Database')).toMatchObject({ state: 'READY', databaseDialect: 'GOOGLE_STANDARD_SQL' });
    const name = `${INSTANCE}/databases/my-db`;
    const updated = await client.unary('DatabaseAdmin', 'UpdateDatabaseDdl', { database: name, statements: ['DROP TABLE A'], operationId: 'my_op' });
    expect(updated['name']).toBe(`${name}/operations/my_op`);
    const metadata = any(updated, 'metadata', 'google.spanner.admin.database.v1.UpdateDatabaseDdlMetadata');
    expect(metadata).toMatchObject({ statements: ['DROP TABLE A'], progress: [{ progressPercent: 100 }] });
    expect(metadata['commitTimestamps']).toHaveLength(1);
    expect((await failure(client.unary('DatabaseAdmin', 'UpdateDatabaseDdl', { database: name, statements: ['X'], operationId: 'my_op' }))).code).toBe(Code.ALREADY_EXISTS);
    expect((await client.unary('DatabaseAdmin', 'GetDatabaseDdl', { database: name }))['statements']).toHaveLength(2);
    expect((await client.unary('Operations', 'ListOperations', { name: `${name}/operations` }))['operations']).toHaveLength(2);
    expect((await client.unary('DatabaseAdmin', 'ListDatabaseOperations', { parent: INSTANCE }))['operations']).toHaveLength(2);
    await client.unary('DatabaseAdmin', 'UpdateDatabase', { database: { name, enableDropProtection: true }, updateMask: { paths: ['enable_drop_protection'] } });
    expect((await failure(client.unary('DatabaseAdmin', 'DropDatabase', { database: name }))).code).toBe(Code.FAILED_PRECONDITION);
    await client.unary('DatabaseAdmin', 'UpdateDatabase', { database: { name }, updateMask: { paths: ['enable_drop_protection'] } });
    await client.unary('DatabaseAdmin', 'DropDatabase', { database: name });
    expect((await failure(client.unary('DatabaseAdmin', 'GetDatabase', { name }))).details).toBe(`Database not found: ${name}`);
  });

  it.each(['', 'CREATE TABLE x', 'CREATE DATABASE x y', 'CREATE DATABASE `Bad`', 'CREATE DATABASE x'])('refuses the statement %j', async (createStatement) => {
    expect((await failure(client.unary('DatabaseAdmin', 'CreateDatabase', { parent: INSTANCE, createStatement }))).code).toBe(Code.INVALID_ARGUMENT);
  });

  it('passes split points on', async () => {
    const points = { database: DATABASE, splitPoints: [{ table: 'T', keys: [{ keyParts: { values: [{ stringValue: 'm' }] } }], expireTime: { seconds: 2 } }] };
    await client.unary('DatabaseAdmin', 'AddSplitPoints', points);
    expect(edge.cluster.splitPoints).toEqual([{ table: 'T', index: '', keys: [['m']], expireMicros: 2_000_000 }]);
  });
});

describe('policies and roles', () => {
  it('keeps a policy and gives every permission', async () => {
    for (const [service, resource] of [['InstanceAdmin', INSTANCE], ['DatabaseAdmin', DATABASE]] as const) {
      const before = await client.unary(service, 'GetIamPolicy', { resource });
      expect(before['bindings'] ?? []).toEqual([]);
      const policy = { bindings: [{ role: 'roles/spanner.viewer', members: ['user:a@example.com'] }], etag: before['etag'] };
      const stored = await client.unary(service, 'SetIamPolicy', { resource, policy });
      expect(await client.unary(service, 'GetIamPolicy', { resource })).toEqual(stored);
      expect(stored['bindings']).toEqual(policy.bindings);
      expect((await failure(client.unary(service, 'SetIamPolicy', { resource, policy }))).code).toBe(Code.ABORTED);
      const permissions = ['spanner.databases.read', 'spanner.databases.write'];
      expect(await client.unary(service, 'TestIamPermissions', { resource, permissions })).toEqual({ permissions });
      expect((await failure(client.unary(service, 'TestIamPermissions', { resource, permissions: ['*'] }))).code).toBe(Code.INVALID_ARGUMENT);
      expect((await failure(client.unary(service, 'GetIamPolicy', { resource: `${resource}x` }))).code).toBe(Code.NOT_FOUND);
      expect((await failure(client.unary(service, 'SetIamPolicy', { resource, policy: { bindings: [{ role: 'x', members: [] }] } }))).code).toBe(Code.INVALID_ARGUMENT);
    }
  });

  it('lists roles, and no operations on configs', async () => {
    expect(await client.unary('DatabaseAdmin', 'ListDatabaseRoles', { parent: DATABASE, pageSize: 1 })).toEqual({
      databaseRoles: [{ name: `${DATABASE}/databaseRoles/app` }],
      nextPageToken: 'app',
    });
    expect(await client.unary('DatabaseAdmin', 'ListDatabaseRoles', { parent: DATABASE, pageToken: 'app' })).toEqual({ databaseRoles: [{ name: `${DATABASE}/databaseRoles/public` }] });
    expect(await client.unary('InstanceAdmin', 'ListInstanceConfigOperations', { parent: PROJECT })).toEqual({});
  });

  it('filters lists', async () => {
    const ddl = await client.unary('DatabaseAdmin', 'UpdateDatabaseDdl', { database: DATABASE, statements: ['CREATE TABLE Filtered (a INT64) PRIMARY KEY (a)'] });
    const of = async (filter: string): Promise<unknown[]> => ((await client.unary('Operations', 'ListOperations', { name: `${DATABASE}/operations`, filter }))['operations'] ?? []) as unknown[];
    expect(await of('metadata.@type:UpdateDatabaseDdlMetadata AND done:true')).toEqual([ddl]);
    expect(await of('error:*')).toEqual([]);
    expect((await failure(client.unary('Operations', 'ListOperations', { name: `${DATABASE}/operations`, filter: 'color:red' }))).code).toBe(Code.INVALID_ARGUMENT);
    const session = await client.call('CreateSession', { database: DATABASE, session: { labels: { env: 'filtered' } } });
    const listed = await client.call('ListSessions', { database: DATABASE, filter: 'labels.env:filtered' });
    expect((listed['sessions'] as Message[]).map((each) => each['name'])).toEqual([session['name']]);
  });
});

describe('what tools ask', () => {
  it('is healthy', async () => {
    expect(await client.unary('Health', 'Check', {})).toEqual({ status: 'SERVING' });
    expect(await client.unary('Health', 'Check', { service: SERVICES[0] })).toEqual({ status: 'SERVING' });
    expect((await failure(client.unary('Health', 'Check', { service: 'x' }))).code).toBe(Code.NOT_FOUND);
  });

  it('answers UNIMPLEMENTED with the name of a method that is not there', async () => {
    const error = await failure(client.unary('DatabaseAdmin', 'CreateBackup', {}));
    expect(error.code).toBe(Code.UNIMPLEMENTED);
    expect(error.details).toContain('CreateBackup');
    expect((await client.stream('FetchCacheUpdate', { database: DATABASE })).error?.details).toContain('FetchCacheUpdate');
  });

  it('knows every method of its services', () => {
    const table = methodTable({} as Edge, new CallsByPriority());
    for (const service of SERVICES) {
      const { methods } = apiRoot().lookupService(service);
      for (const [name, method] of Object.entries(methods)) {
        expect(table.get(`/${service}/${name}`)?.kind, name).toBe(method.responseStream === true ? 'stream' : 'unary');
      }
    }
  });

  it.each(['v1', 'v1alpha'])('describes itself by reflection %s', async (version) => {
    const ask = (field: number, text: string): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        const identity = (b: Buffer): Buffer => b;
        const call = client.client.makeBidiStreamRequest(`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, identity, identity);
        call.on('data', (answer: Buffer) => {
          resolve(answer);
          call.end();
        });
        call.on('error', reject);
        const writer = new ProtoWriter();
        writer.stringAlways(field, text);
        call.write(writer.finish());
      });
    const type = apiRoot().lookupType(`grpc.reflection.${version}.ServerReflectionResponse`);
    const services = type.decode(await ask(7, '')).toJSON();
    expect(JSON.stringify(services)).toContain('google.spanner.v1.Spanner');
    const files = type.decode(await ask(4, 'google.spanner.v1.Spanner')).toJSON()['fileDescriptorResponse'] as { fileDescriptorProto: string[] };
    const names = files.fileDescriptorProto.map((file) => {
      const reader = new ProtoReader(Buffer.from(file, 'base64'));
      reader.next();
      return reader.string();
    });
    expect(names[0]).toBe('google/spanner/v1/spanner.proto');
    expect(names).toContain('google/protobuf/struct.proto');
    const missing = type.decode(await ask(4, 'no.such.Thing')).toJSON();
    expect(missing['errorResponse']).toMatchObject({ errorCode: grpc.status.NOT_FOUND });
  });
});
