/** Reads at one timestamp, at any replica that is safe there (Spanner, OSDI 2012, §4.1.3–4.1.4). */
import type { Key, NodeId, SplitId, Timestamp } from '../base/ids.ts';
import { unavailable } from '../base/errors.ts';
import type { Routed } from '../splits/router.ts';
import { answersOf } from './ahead.ts';
import { RowsOfAnswers } from './cursor.ts';
import { ANY_VERSION } from './fence.ts';
import type { Gateway } from './gateway.ts';
import { getKeys } from './get-keys.ts';
import { Participant } from './participant.ts';
import { encodeSnapshotGet, encodeSnapshotScan, Method, NO_FRAGMENT, readGetAnswer, readScanAnswer, type GetAnswer, type ScanAnswer, type ScanSpec } from './protocol.ts';
import type { SplitDescriptor } from '../splits/types.ts';
import type { KeyRange, PortionCursor, RangeReadOptions, ReadOptions, ReplicaSelection, RowCursor, Snapshot } from './types.ts';

export class GatewaySnapshot implements Snapshot {
  readonly readTimestamp: Timestamp;
  private readonly gateway: Gateway;
  private readonly replicas: ReplicaSelection | undefined;

  private readonly schemaVersion: Timestamp;

  constructor(gateway: Gateway, at: Timestamp, replicas?: ReplicaSelection, schemaVersion = ANY_VERSION) {
    this.replicas = replicas;
    this.schemaVersion = schemaVersion;
    this.gateway = gateway;
    this.readTimestamp = at;
  }

  withSchema(version: Timestamp): GatewaySnapshot {
    return new GatewaySnapshot(this.gateway, this.readTimestamp, this.replicas, version);
  }

  /** This node, when its own replica of the split can answer without waiting; otherwise the leader is asked. */
  private near(split: SplitId): NodeId | undefined {
    const participant = this.gateway.host.get(split)?.application;
    return participant instanceof Participant && participant.safeTime.now() >= this.readTimestamp ? this.gateway.self : undefined;
  }

  /** A directed read asks the replicas that were selected, and others when none of those can be reached, if it may. */
  private async call(split: SplitId, method: string, body: Uint8Array, { signal, onRemoteCall: onRemote }: ReadOptions): Promise<Routed> {
    const { router } = this.gateway;
    if (this.replicas !== undefined) {
      const answer = await router.callReplicas(split, this.gateway.select(split, this.replicas), method, body, { signal, onRemote });
      if (answer !== undefined) return answer;
      if (!this.replicas.failover) throw unavailable('None of the replicas that the directed read options select can be reached.');
    }
    return await router.call(split, method, body, { signal, onRemote, first: this.near(split) });
  }

  async get(keys: readonly Key[], options: ReadOptions = {}): Promise<readonly (Uint8Array | undefined)[]> {
    return (await this.getThrough(NO_FRAGMENT, keys, options)).records;
  }

  getThrough(fragment: Uint8Array, keys: readonly Key[], options: ReadOptions = {}): Promise<GetAnswer> {
    return getKeys(this.gateway.router, keys, async (split, asked) => {
      const body = encodeSnapshotGet({ split: split.id, at: this.readTimestamp, schemaVersion: this.schemaVersion, keys: asked, fragment });
      const answer = await this.call(split.id, Method.snapshotGet, body, options);
      return answer === 'rerouted' ? answer : readGetAnswer(answer);
    });
  }

  scan(range: KeyRange, options: RangeReadOptions = {}): RowCursor {
    return new RowsOfAnswers(this.scanThrough(NO_FRAGMENT, range, options));
  }

  scanThrough(fragment: Uint8Array, range: KeyRange, options: RangeReadOptions = {}): PortionCursor {
    return answersOf(this.gateway.router, range, options, fragment, false, (split, spec, read) => this.fetch(split, spec, read));
  }

  /** One batch of a scan. */
  async fetch(split: SplitDescriptor, spec: ScanSpec, options: ReadOptions): Promise<ScanAnswer | 'rerouted'> {
    const body = encodeSnapshotScan({ split: split.id, at: this.readTimestamp, schemaVersion: this.schemaVersion, ...spec });
    const answer = await this.call(split.id, Method.snapshotScan, body, options);
    return answer === 'rerouted' ? answer : readScanAnswer(answer);
  }
}
