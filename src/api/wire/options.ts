/** google.spanner.v1.TransactionOptions and TransactionSelector. Source: transaction.proto. */
import type { IsolationLevel, ReadLockMode, TimestampBound } from '../../txn/types.ts';
import { timestamp } from '../../base/ids.ts';
import { invalidArgument } from '../../base/errors.ts';
import type { ProtoReader } from './reader.ts';
import { readDuration, readTimestamp } from './time.ts';

export type TransactionMode =
  | {
      readonly kind: 'readWrite';
      readonly isolation: IsolationLevel | undefined;
      readonly readLockMode: ReadLockMode | undefined;
      /** multiplexed_session_previous_transaction_id: the transaction that this one retries. */
      readonly previous: Uint8Array | undefined;
    }
  | { readonly kind: 'readOnly'; readonly bound: TimestampBound; readonly returnReadTimestamp: boolean }
  | { readonly kind: 'partitionedDml'; readonly isolation: IsolationLevel | undefined }
  | { readonly kind: 'none' };

export type TransactionSelector =
  | { readonly kind: 'absent' }
  | { readonly kind: 'singleUse' | 'begin'; readonly options: TransactionMode }
  | { readonly kind: 'id'; readonly id: Uint8Array };

const ISOLATION: ReadonlyMap<number, IsolationLevel> = new Map([
  [1, 'serializable'],
  [2, 'repeatable-read'],
]);
const LOCK_MODES: ReadonlyMap<number, ReadLockMode> = new Map([
  [1, 'pessimistic'],
  [2, 'optimistic'],
]);

const checkedTimestamp = (micros: number, what: string): ReturnType<typeof timestamp> => {
  if (micros < 0) throw invalidArgument(`${what} must not be before 1970.`);
  return timestamp(micros);
};

const checkedStaleness = (micros: number): number => {
  if (micros < 0) throw invalidArgument('Staleness must not be negative.');
  return micros;
};

function readReadOnly(reader: ProtoReader): { bound: TimestampBound; returnReadTimestamp: boolean } {
  let bound: TimestampBound = { kind: 'strong' };
  let returnReadTimestamp = false;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        if (!reader.bool()) throw invalidArgument('The read option strong, when given, must be true.');
        bound = { kind: 'strong' };
        break;
      case 2:
        bound = { kind: 'minReadTimestamp', timestamp: checkedTimestamp(reader.message(readTimestamp), 'min_read_timestamp') };
        break;
      case 3:
        bound = { kind: 'maxStaleness', stalenessMicros: checkedStaleness(reader.message(readDuration)) };
        break;
      case 4:
        bound = { kind: 'readTimestamp', timestamp: checkedTimestamp(reader.message(readTimestamp), 'read_timestamp') };
        break;
      case 5:
        bound = { kind: 'exactStaleness', stalenessMicros: checkedStaleness(reader.message(readDuration)) };
        break;
      case 6:
        returnReadTimestamp = reader.bool();
        break;
      default:
        reader.skip();
    }
  }
  return { bound, returnReadTimestamp };
}

function readReadWrite(reader: ProtoReader): { readLockMode: ReadLockMode | undefined; previous: Uint8Array | undefined } {
  let readLockMode: ReadLockMode | undefined;
  let previous: Uint8Array | undefined;
  while (reader.next()) {
    if (reader.field === 1) readLockMode = LOCK_MODES.get(reader.int());
    else if (reader.field === 2) previous = reader.view();
    else reader.skip();
  }
  return { readLockMode, previous: previous === undefined || previous.length === 0 ? undefined : previous };
}

const skipAll = (reader: ProtoReader): void => {
  while (reader.next()) reader.skip();
};

export function readTransactionOptions(reader: ProtoReader): TransactionMode {
  let mode: 'none' | 'readWrite' | 'readOnly' | 'partitionedDml' = 'none';
  let readWrite: ReturnType<typeof readReadWrite> = { readLockMode: undefined, previous: undefined };
  let readOnly: ReturnType<typeof readReadOnly> = { bound: { kind: 'strong' }, returnReadTimestamp: false };
  let isolation: IsolationLevel | undefined;
  while (reader.next()) {
    if (reader.field === 1) {
      readWrite = reader.message(readReadWrite);
      mode = 'readWrite';
    } else if (reader.field === 2) {
      readOnly = reader.message(readReadOnly);
      mode = 'readOnly';
    } else if (reader.field === 3) {
      reader.message(skipAll);
      mode = 'partitionedDml';
    } else if (reader.field === 6) isolation = ISOLATION.get(reader.int());
    else reader.skip();
  }
  if (mode === 'readWrite') return { kind: 'readWrite', isolation, ...readWrite };
  if (mode === 'readOnly') return { kind: 'readOnly', ...readOnly };
  if (mode === 'partitionedDml') return { kind: 'partitionedDml', isolation };
  return { kind: 'none' };
}

export function readSelector(reader: ProtoReader): TransactionSelector {
  let selector: TransactionSelector = { kind: 'absent' };
  while (reader.next()) {
    if (reader.field === 1) selector = { kind: 'singleUse', options: reader.message(readTransactionOptions) };
    else if (reader.field === 2) selector = { kind: 'id', id: reader.view() };
    else if (reader.field === 3) selector = { kind: 'begin', options: reader.message(readTransactionOptions) };
    else reader.skip();
  }
  return selector;
}
