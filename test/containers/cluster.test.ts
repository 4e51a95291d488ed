/**
 * Three nodes in containers, as docker-compose.yml has them, under Google's own client through published ports: they found
 * their cluster by themselves, and its data survives a killed, a cut off and a paused node, a restart, and a lost volume.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database, Spanner } from '@google-cloud/spanner';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLIENT_9, PROJECT } from '../e2e/clients.ts';
import { Compose, type Service } from './compose.ts';
import { buildImage, noEngine } from './engine.ts';

const reason = await noEngine();
if (reason !== undefined) process.stderr.write(`Container tests are skipped: ${reason}\n`);

describe.skipIf(reason !== undefined)('three nodes in containers', () => {
  let compose: Compose;
  const clients = new Map<Service, Spanner>();
  /** Values that the cluster has acknowledged. */
  const written: number[] = [];

  const database = (service: Service): Database => {
    let spanner = clients.get(service);
    if (spanner === undefined) {
      spanner = CLIENT_9.connect(compose.addresses[service]);
      clients.set(service, spanner);
    }
    return spanner.instance('containers').database('numbers');
  };

  /** Repeated while the cluster finds a new leader: the client does so only for some of its errors. */
  async function patiently<T>(what: string, work: () => Promise<T>, seconds = 40): Promise<T> {
    for (const deadline = Date.now() + seconds * 1_000; ; await sleep(250)) {
      try {
        return await Promise.race([work(), sleep(10_000, undefined, { ref: false }).then(() => Promise.reject(new Error(`${what}: no answer in 10 s`)))]);
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
    }
  }

  async function write(service: Service): Promise<void> {
    const value = written.length + 1;
    await patiently('a write', () => database(service).table('Numbers').upsert({ Id: value }));
    written.push(value);
  }

  async function read(service: Service): Promise<readonly number[]> {
    const [rows] = await patiently('a read', () => database(service).run({ sql: 'SELECT Id FROM Numbers ORDER BY Id', json: true }));
    return (rows as readonly unknown[] as readonly { readonly Id: number }[]).map((row) => row.Id);
  }

  beforeAll(async () => {
    await buildImage();
    compose = await Compose.create();
    await compose.up();
  }, 900_000);

  afterAll(async () => {
    for (const spanner of clients.values()) await CLIENT_9.disconnect(spanner);
    await compose[Symbol.asyncDispose]();
  }, 60_000);

  test('`up --wait` gives a cluster that works', async () => {
    const spanner = CLIENT_9.connect(compose.addresses.node1);
    clients.set('node1', spanner);
    const [instance, creation] = await spanner.createInstance('containers', { config: `projects/${PROJECT}/instanceConfigs/emulator-config`, nodes: 1, displayName: 'containers' });
    await creation.promise();
    const [, operation] = await instance.createDatabase('numbers', { schema: ['CREATE TABLE Numbers (Id INT64 NOT NULL) PRIMARY KEY (Id)'] });
    await operation.promise();
    for (const service of ['node1', 'node2', 'node3'] as const) await write(service);
    expect(await read('node3')).toEqual(written);
  });

  test('a node is killed, and comes back', async () => {
    await compose.kill('node1');
    await write('node2');
    expect(await read('node3')).toEqual(written);
    await compose.start('node1');
    await compose.untilHealthy('node1');
    expect(await read('node1')).toEqual(written);
  });

  test('a node is cut off the network, and comes back', async () => {
    await compose.cutOff('node2');
    await write('node1');
    expect(await read('node3')).toEqual(written);
    await compose.reconnect('node2');
    await compose.untilHealthy('node2');
    await write('node2');
    expect(await read('node2')).toEqual(written);
  });

  test('a node is paused, and goes on', async () => {
    await compose.pause('node3');
    await write('node1');
    expect(await read('node2')).toEqual(written);
    await compose.unpause('node3');
    await compose.untilHealthy('node3');
    expect(await read('node3')).toEqual(written);
  });

  test('a node loses its volume, and is taken back', async () => {
    await compose.lose('node1');
    await compose.up();
    expect(await read('node1')).toEqual(written);
    // When it counts again, another may go.
    await compose.untilAllVote();
    await compose.kill('node2');
    await write('node1');
    await compose.start('node2');
    await compose.untilHealthy('node2');
  });

  test('`down` and `up` keep the data', async () => {
    await compose.down();
    await compose.up();
    for (const service of ['node1', 'node2', 'node3'] as const) expect(await read(service)).toEqual(written);
    await write('node3');
    expect(await read('node1')).toEqual(written);
  });
});
