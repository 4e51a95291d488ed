/** Instances, as records of the cluster's metadata. */
import type { InstanceChange, InstanceConfigRecord, InstanceRecord, InstanceStore, Page, PageRequest } from '../api/backend.ts';
import { alreadyExists, failedPrecondition, notFound } from '../base/errors.ts';
import { deleteRecord, Kind, putRecord, type MetaStore } from './meta.ts';
import { pageOf } from './paging.ts';

const INSTANCE_TYPE = 'type.googleapis.com/google.spanner.admin.instance.v1.Instance';

export const instanceNotFound = (name: string): Error =>
  notFound(`Instance not found: ${name}`, [{ kind: 'resourceInfo', resourceType: INSTANCE_TYPE, resourceName: name, description: 'Instance does not exist.' }]);

export class Instances implements InstanceStore {
  private readonly meta: MetaStore;
  private readonly nowMicros: () => number;
  private readonly known: readonly InstanceConfigRecord[];
  private readonly dropDatabase: (name: string) => Promise<void>;

  constructor(meta: MetaStore, configs: readonly InstanceConfigRecord[], nowMicros: () => number, dropDatabase: (name: string) => Promise<void>) {
    this.known = configs;
    this.dropDatabase = dropDatabase;
    this.meta = meta;
    this.nowMicros = nowMicros;
  }

  configs(): readonly InstanceConfigRecord[] {
    return this.known;
  }

  async create(instance: Omit<InstanceRecord, 'createMicros' | 'updateMicros'>): Promise<InstanceRecord> {
    const now = this.nowMicros();
    const record: InstanceRecord = { ...instance, createMicros: now, updateMicros: now };
    await this.meta.transact(async (transaction) => {
      if ((await this.meta.read(transaction, Kind.instance, instance.name, true)) !== undefined) throw alreadyExists(`Instance already exists: ${instance.name}`);
      await transaction.write([putRecord(Kind.instance, instance.name, record)]);
    });
    return record;
  }

  async get(name: string): Promise<InstanceRecord> {
    const record = await this.meta.get<InstanceRecord>(Kind.instance, name);
    if (record === undefined) throw instanceNotFound(name);
    return record;
  }

  async list(project: string, page: PageRequest, keep: (instance: InstanceRecord) => boolean): Promise<Page<InstanceRecord>> {
    return await pageOf(this.meta, Kind.instance, `${project}/instances/`, page, keep);
  }

  async delete(name: string): Promise<void> {
    for (;;) {
      const databases = await this.meta.list<{ readonly dropProtection: boolean }>(Kind.database, `${name}/databases/`);
      const safe = databases.find(({ value }) => value.dropProtection);
      if (safe !== undefined) throw failedPrecondition(`Instance ${name} cannot be deleted: its database ${safe.name} has drop protection enabled.`);
      for (const database of databases) await this.dropDatabase(database.name);
      const { result: gone } = await this.meta.transact(async (transaction) => {
        // One may have been made meanwhile.
        if ((await this.meta.list(Kind.database, `${name}/databases/`, '', 1, transaction)).length > 0) return false;
        await transaction.write([deleteRecord(Kind.instance, name), deleteRecord(Kind.policy, name)]);
        return true;
      });
      if (gone) return;
    }
  }

  async update(name: string, change: InstanceChange): Promise<InstanceRecord> {
    const { result } = await this.meta.transact(async (transaction) => {
      const record = await this.meta.read<InstanceRecord>(transaction, Kind.instance, name, true);
      if (record === undefined) throw instanceNotFound(name);
      const changed = { ...record, ...change, updateMicros: this.nowMicros() };
      await transaction.write([putRecord(Kind.instance, name, changed)]);
      return changed;
    });
    return result;
  }
}
