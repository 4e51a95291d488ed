/**
 * The instance configs that there are: the cluster's own layout, and Cloud Spanner's with the replicas that each has, so
 * that tools that look one up find what they expect. An instance of any config lives on this cluster's nodes.
 * Source: Spanner, "Instance configurations".
 */
import type { InstanceConfigRecord } from '../api/backend.ts';

type Replica = InstanceConfigRecord['replicas'][number];
type ReplicaType = Replica['type'];

export interface Zone {
  readonly zone: string;
  readonly region: string;
}

/** Three read-write replicas, in three zones of the region. */
const REGIONS = [
  'africa-south1', 'asia-east1', 'asia-east2', 'asia-northeast1', 'asia-northeast2', 'asia-northeast3', 'asia-south1', 'asia-south2', 'asia-southeast1', 'asia-southeast2',
  'australia-southeast1', 'australia-southeast2', 'europe-central2', 'europe-north1', 'europe-southwest1', 'europe-west1', 'europe-west2', 'europe-west3', 'europe-west4',
  'europe-west6', 'europe-west8', 'europe-west9', 'europe-west10', 'europe-west12', 'me-central1', 'me-central2', 'me-west1', 'northamerica-northeast1', 'northamerica-northeast2',
  'southamerica-east1', 'southamerica-west1', 'us-central1', 'us-central2', 'us-east1', 'us-east4', 'us-east5', 'us-south1', 'us-west1', 'us-west2', 'us-west3', 'us-west4',
] as const;

/**
 * Regions with their numbers of replicas, separated by spaces: read-write (the default leader first, two in each), then
 * after a bar read-only ones, then after another the region of the witness.
 */
const MULTI_REGION: Readonly<Record<string, string>> = {
  nam3: 'us-east4 us-east1 | | us-central1',
  nam6: 'us-central1 us-east1 | us-west1 us-west2 | us-central2',
  nam7: 'us-central1 us-east4 | | us-central2',
  nam8: 'us-west2 us-west1 | | us-west3',
  nam9: 'us-east4 us-central1 | us-west1*2 | us-east1',
  nam10: 'us-central1 us-west3 | | us-central2',
  nam11: 'us-central1 us-east1 | | us-central2',
  nam12: 'us-central1 us-east4 | us-west1*2 | us-central2',
  nam13: 'us-central2 us-central1 | | us-west3',
  nam14: 'us-east4 northamerica-northeast1 | | us-east1',
  nam15: 'us-south1 us-east4 | | us-central1',
  nam16: 'us-central1 us-east4 | | us-east5',
  eur3: 'europe-west1 europe-west4 | | europe-north1',
  eur5: 'europe-west2 europe-west1 | | europe-west4',
  eur6: 'europe-west4 europe-west3 | | europe-west6',
  eur7: 'europe-west8 europe-west3 | | europe-west12',
  asia1: 'asia-northeast1 asia-northeast2 | | asia-northeast3',
  'nam-eur-asia1': 'us-central1 us-central2 | europe-west1*2 asia-east1*2 | us-east1',
  'nam-eur-asia3': 'us-central1 us-east1 | europe-west1 europe-west4 asia-east1*2 | us-central2',
};

/** Each region has two read-write replicas and a witness; the default leader first. */
const DUAL_REGION: Readonly<Record<string, readonly [string, string]>> = {
  'dual-region-australia1': ['australia-southeast1', 'australia-southeast2'],
  'dual-region-germany1': ['europe-west3', 'europe-west10'],
  'dual-region-india1': ['asia-south1', 'asia-south2'],
  'dual-region-japan1': ['asia-northeast1', 'asia-northeast2'],
};

const READ_WRITE_PER_REGION = 2;
const REGIONAL_REPLICAS = 3;

const replicas = (location: string, type: ReplicaType, count: number, leads = false): Replica[] => Array.from({ length: count }, (_, i) => ({ location, type, defaultLeader: leads && i === 0 }));

function multiRegion([id, text]: readonly [string, string]): InstanceConfigRecord {
  const [readWrite = [], readOnly = [], witnesses = []] = text.split('|').map((part) => part.split(' ').filter((word) => word !== ''));
  return {
    id,
    displayName: `Multi-region ${id}`,
    quorum: 'multiRegion',
    leaderOptions: readWrite,
    replicas: [
      ...readWrite.flatMap((region, i) => replicas(region, 'readWrite', READ_WRITE_PER_REGION, i === 0)),
      ...readOnly.flatMap((word) => {
        const [region = '', count = '1'] = word.split('*');
        return replicas(region, 'readOnly', Number(count));
      }),
      ...witnesses.flatMap((region) => replicas(region, 'witness', 1)),
    ],
  };
}

const regional = (region: string): InstanceConfigRecord => ({
  id: `regional-${region}`,
  displayName: region,
  quorum: 'region',
  leaderOptions: [region],
  replicas: replicas(region, 'readWrite', REGIONAL_REPLICAS, true),
});

const dualRegion = ([id, regions]: readonly [string, readonly [string, string]]): InstanceConfigRecord => ({
  id,
  displayName: `Dual-region ${id.slice('dual-region-'.length)}`,
  quorum: 'dualRegion',
  leaderOptions: regions,
  replicas: regions.flatMap((region, i) => [...replicas(region, 'readWrite', READ_WRITE_PER_REGION, i === 0), ...replicas(region, 'witness', 1)]),
});

/** The nodes' own zones; also under the name that clients of Google's emulator use. */
function local(id: string, displayName: string, zones: readonly Zone[]): InstanceConfigRecord {
  const regions = [...new Set(zones.map(({ region }) => region))];
  return {
    id,
    displayName,
    quorum: regions.length > 1 ? 'multiRegion' : 'region',
    leaderOptions: regions,
    replicas: zones.map(({ zone }, i) => ({ location: zone, type: 'readWrite', defaultLeader: i === 0 })),
  };
}

export function instanceConfigs(zones: readonly Zone[]): readonly InstanceConfigRecord[] {
  return [
    local('trestle-local', 'Trestle, on this machine', zones),
    local('emulator-config', 'Trestle, on this machine, by the name of the emulator', zones),
    ...REGIONS.map(regional),
    ...Object.entries(MULTI_REGION).map(multiRegion),
    { ...multiRegion(['asia2', 'asia-south1 asia-south2 | | ']), replicas: ASIA2 },
    ...Object.entries(DUAL_REGION).map(dualRegion),
  ];
}

/** The one with a single read-write replica in a third region instead of a witness. */
const ASIA2: readonly Replica[] = [...replicas('asia-south1', 'readWrite', 2, true), ...replicas('asia-south2', 'readWrite', 2), ...replicas('asia-southeast1', 'readWrite', 1)];
