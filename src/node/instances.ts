/** Instances, as records of the cluster's metadata. */
import type { InstanceConfigRecord, InstanceRecord, InstanceStore, Page, PageRequest } from '../api/backend.ts';
import { alreadyExists, failedPrecondition, notFound } from '../base/errors.ts';
import { deleteRecord, Kind, putRecord, type MetaStore } from './meta.ts';
import { pageOf } from './paging.ts';

const INSTANCE_TYPE = 'type.googleapis.com/google.spanner.admin.instance.v1.Instance';

export const instanceNotFound = (name: string): Error =>
  notFound(`Instance not found: ${name}`, [{ kind: 'resourceInfo', resourceType: INSTANCE_TYPE, resourceName: name, description: 'Instance does not exist.' }]);

export class Instances implements InstanceStore {
  private readonly meta: MetaStore;
  private readonly nowMicros: () => number;
  private readonly config: InstanceConfigRecord;

  constructor(meta: MetaStore, config: InstanceConfigRecord, nowMicros: () => number) {
    this.config = config;
    this.meta = meta;
    this.nowMicros = nowMicros;
  }

  configs(): readonly InstanceConfigRecord[] {
    return [this.config];
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

  async list(project: string, page: PageRequest): Promise<Page<InstanceRecord>> {
    const found = await this.meta.list<InstanceRecord>(Kind.instance, `${project}/instances/`, page.pageToken, page.pageSize + 1);
    return pageOf(found, page);
  }

  async delete(name: string): Promise<void> {
    await this.meta.transact(async (transaction) => {
      const databases = await this.meta.list(Kind.database, `${name}/databases/`, '', 1, transaction);
      if (databases.length > 0) throw failedPrecondition(`Instance ${name} still has databases; they must be dropped first.`);
      await transaction.write([deleteRecord(Kind.instance, name)]);
    });
  }

  async update(name: string, change: Partial<Pick<InstanceRecord, 'displayName' | 'nodeCount' | 'processingUnits' | 'labels'>>): Promise<InstanceRecord> {
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
