import type { Peer } from '../harness/peer.ts';
import { emulator } from './emulator.ts';
import { etcd } from './etcd.ts';
import { galera } from './galera.ts';
import { limit, limitOfParts } from './limit.ts';
import { postgres } from './postgres.ts';
import { trestle } from './trestle.ts';

/** Trestle comes first; the others are compared with it. */
export const PEERS: readonly Peer[] = [trestle, etcd, postgres, galera, emulator, limit, limitOfParts];
