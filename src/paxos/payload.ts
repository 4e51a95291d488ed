/** Size and equality of payloads. Sizes are estimates for windows and limits; the codec has the exact ones. */
import type { Payload } from './types.ts';

/** What an entry costs besides its data: slot, ballot, tag, objects. */
const ENTRY_OVERHEAD_BYTES = 32;
const MEMBER_BYTES = 4;

export function payloadSize(payload: Payload): number {
  switch (payload.kind) {
    case 'noop':
      return ENTRY_OVERHEAD_BYTES;
    case 'command':
      return ENTRY_OVERHEAD_BYTES + payload.data.length;
    default:
      return ENTRY_OVERHEAD_BYTES + MEMBER_BYTES * payload.membership.members.length;
  }
}

export function samePayload(a: Payload, b: Payload): boolean {
  if (a === b) return true;
  if (a.kind === 'command' && b.kind === 'command') return sameBytes(a.data, b.data);
  if (a.kind === 'membership' && b.kind === 'membership') {
    const other = b.membership.members;
    return (
      a.membership.version === b.membership.version &&
      a.membership.fence === b.membership.fence &&
      a.membership.members.length === other.length &&
      a.membership.members.every((member, i) => member.node === other[i]?.node && member.kind === other[i]?.kind)
    );
  }
  return a.kind === 'noop' && b.kind === 'noop' && a.fence === b.fence;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
