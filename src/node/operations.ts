/** Long-running operations: records of what was asked for, how far it is, and how it ended. They outlive any node. */
import type { OperationRecord, OperationStore, Page, PageRequest } from '../api/backend.ts';
import type { Environment } from '../base/env.ts';
import { alreadyExists, failedPrecondition, notFound } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { ReadWriteTransaction, WriteOp } from '../txn/types.ts';
import { deleteRecord, Kind, putRecord, type MetaStore } from './meta.ts';
import { pageOf } from './paging.ts';

/** How long an operation can be asked for after its end. */
const KEPT_MICROS = 7 * 24 * 3_600_000_000;
const WAIT_POLL_MICROS = 50_000;
const OPERATION_TYPE = 'type.googleapis.com/google.longrunning.Operation';

export type NewOperation = Omit<OperationRecord, 'name'> & { readonly operationId: string | undefined };

export class Operations implements OperationStore {
  private readonly meta: MetaStore;
  private readonly env: Environment;

  constructor(meta: MetaStore, env: Environment) {
    this.meta = meta;
    this.env = env;
  }

  /** `alongside` is written in the same transaction. */
  async record(operation: NewOperation, alongside?: (name: string) => readonly WriteOp[]): Promise<OperationRecord> {
    const { operationId, ...rest } = operation;
    const name = `${operation.target}/operations/${operationId ?? `_auto_op_${this.env.random.hex(8)}`}`;
    const record: OperationRecord = { name, ...rest };
    await this.meta.transact(async (transaction) => {
      if ((await this.meta.read(transaction, Kind.operation, name, true)) !== undefined) throw alreadyExists(`Operation already exists: ${name}`);
      await transaction.write([putRecord(Kind.operation, name, record), ...(alongside?.(name) ?? [])]);
    });
    return record;
  }

  /** What `next` makes of the record, in the transaction. Nothing happens to a record that is gone. */
  async change(transaction: ReadWriteTransaction, name: string, next: (record: OperationRecord) => OperationRecord): Promise<void> {
    const record = await this.meta.read<OperationRecord>(transaction, Kind.operation, name, true);
    if (record !== undefined) await transaction.write([putRecord(Kind.operation, name, next(record))]);
  }

  /** As this node's replica of the metadata has it. */
  local(name: string): OperationRecord | undefined {
    return this.meta.local<OperationRecord>(Kind.operation, name)?.value;
  }

  async find(name: string): Promise<OperationRecord | undefined> {
    return await this.meta.get<OperationRecord>(Kind.operation, name);
  }

  async get(name: string): Promise<OperationRecord> {
    const record = await this.find(name);
    if (record === undefined) {
      throw notFound(`Operation not found: ${name}`, [
        { kind: 'resourceInfo', resourceType: OPERATION_TYPE, resourceName: name, description: 'Operation does not exist.' },
      ]);
    }
    return record;
  }

  async list(parent: string, options: PageRequest & { readonly deep: boolean; readonly keep?: (operation: OperationRecord) => boolean }): Promise<Page<OperationRecord>> {
    const prefix = options.deep ? `${parent}/databases/` : `${parent}/operations/`;
    return await pageOf(this.meta, Kind.operation, prefix, options, options.keep);
  }

  async cancel(name: string): Promise<void> {
    await this.get(name);
    const cancelMicros = this.env.clock.interval().latest;
    await this.meta.transact((transaction) => this.change(transaction, name, (record) => (record.done ? record : { ...record, cancelMicros: record.cancelMicros ?? cancelMicros })));
  }

  async delete(name: string): Promise<void> {
    const record = await this.get(name);
    if (!record.done) throw failedPrecondition(`Operation ${name} is still running.`);
    await this.meta.transact((transaction) => transaction.write([deleteRecord(Kind.operation, name)]));
  }

  /** Forgets operations that ended long ago. */
  async sweep(): Promise<void> {
    const horizon = this.env.clock.interval().latest - KEPT_MICROS;
    await this.meta.sweep<OperationRecord>(Kind.operation, ({ done, endMicros }) => done && (endMicros ?? horizon) < horizon);
  }

  async wait(name: string, timeoutMicros: number, signal: Signal): Promise<OperationRecord> {
    const end = this.env.clock.monotonicMicros() + timeoutMicros;
    for (;;) {
      const record = await this.get(name);
      if (record.done || signal.aborted || this.env.clock.monotonicMicros() >= end) return record;
      await new Promise<void>((resolve) => {
        this.env.scheduler.after(WAIT_POLL_MICROS, resolve);
      });
    }
  }
}
