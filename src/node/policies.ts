/** IAM policies of instances and databases, as records of the cluster's metadata. */
import type { PolicyRecord, PolicyStore } from '../api/backend.ts';
import type { Random } from '../base/env.ts';
import { Kind, putRecord, type MetaStore } from './meta.ts';

const ETAG_BYTES = 8;
/** Of a resource without a policy. */
const NO_POLICY: PolicyRecord = { version: 1, bindings: [], etag: 'none' };

export class Policies implements PolicyStore {
  private readonly meta: MetaStore;
  private readonly random: Random;

  constructor(meta: MetaStore, random: Random) {
    this.meta = meta;
    this.random = random;
  }

  async get(resource: string): Promise<PolicyRecord> {
    return (await this.meta.get<PolicyRecord>(Kind.policy, resource)) ?? NO_POLICY;
  }

  async set(resource: string, policy: Omit<PolicyRecord, 'etag'>, etag: string): Promise<PolicyRecord | undefined> {
    const { result } = await this.meta.transact(async (transaction) => {
      const present = (await this.meta.read<PolicyRecord>(transaction, Kind.policy, resource, true)) ?? NO_POLICY;
      if (etag !== '' && etag !== present.etag) return undefined;
      const stored: PolicyRecord = { ...policy, etag: this.random.hex(ETAG_BYTES) };
      await transaction.write([putRecord(Kind.policy, resource, stored)]);
      return stored;
    });
    return result;
  }
}
