/** The driver of a target. Connections over gRPC are three, one a node, shared by the clients. */
import type { Driver, Target } from '../harness/driver.ts';
import { EtcdDriver } from './etcd-driver.ts';
import { GaleraDriver } from './galera-driver.ts';
import { PostgresDriver } from './postgres-driver.ts';
import { CommitDriver, SpannerDriver } from './spanner-driver.ts';

const CONNECTIONS = 3;

export function driverOf(target: Target): Driver {
  switch (target.driver) {
    case 'spanner':
      return new SpannerDriver(target, CONNECTIONS);
    case 'limit':
      return new CommitDriver(new SpannerDriver(target, CONNECTIONS));
    case 'etcd':
      return new EtcdDriver(target, CONNECTIONS);
    case 'postgres':
      return new PostgresDriver(target);
    case 'galera':
      return new GaleraDriver(target);
    default:
      throw new Error(`no driver ${target.driver}`);
  }
}
