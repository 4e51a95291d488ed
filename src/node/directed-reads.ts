/** Which nodes a directed read may ask: those with a replica of the split that fits the selection. */
import type { NodeId } from '../base/ids.ts';
import type { ReplicaSelection } from '../txn/types.ts';

export interface NodePlace {
  readonly node: NodeId;
  readonly zone: string;
  readonly region: string;
}

export interface ReplicaPlace {
  readonly node: NodeId;
  readonly kind: string;
}

/** This node first, when it is one of them. Witnesses have no rows. */
export function selectReplicas(places: readonly NodePlace[], replicas: readonly ReplicaPlace[], selection: ReplicaSelection, self: NodeId): NodeId[] {
  const fits = ({ node, kind }: ReplicaPlace): boolean => {
    const place = places.find((each) => each.node === node);
    return selection.selections.some(
      ({ location, type }) => (type === undefined || type === kind) && (location === '' || location === place?.zone || location === place?.region),
    );
  };
  return replicas
    .filter((replica) => replica.kind !== 'witness' && fits(replica) === (selection.kind === 'include'))
    .map(({ node }) => node)
    .sort((a, b) => Number(b === self) - Number(a === self) || a - b);
}
