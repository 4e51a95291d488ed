/**
 * Policies of instances and databases. There is nobody to keep out: a policy is stored and given back, and whoever asks
 * has every permission. Source: google.iam.v1, and the methods of the two administration services.
 */
import { aborted, invalidArgument } from '../../base/errors.ts';
import type { Backend, PolicyRecord } from '../backend.ts';
import { codec } from '../descriptor.ts';
import { checkDatabase, checkInstance } from '../names.ts';

const MAX_PERMISSIONS = 1_000;
const MAX_BINDINGS = 1_500;
const MAX_MEMBERS = 1_500;
const MAX_POLICY_CHARS = 256 * 1024;
const PERMISSION = /^[a-z][A-Za-z0-9.]{0,199}$/;

interface Binding {
  readonly role: string;
  readonly members: readonly string[];
  readonly condition: Readonly<Record<string, unknown>> | null;
}

interface Policy {
  readonly version: number;
  readonly bindings: readonly Binding[];
  readonly etag: Uint8Array;
}

const GET = codec<{ resource: string }>('google.iam.v1.GetIamPolicyRequest');
const SET = codec<{ resource: string; policy: Policy | null }>('google.iam.v1.SetIamPolicyRequest');
const TEST = codec<{ resource: string; permissions: readonly string[] }>('google.iam.v1.TestIamPermissionsRequest');
const TESTED = codec('google.iam.v1.TestIamPermissionsResponse');
const POLICY = codec('google.iam.v1.Policy');

/** NOT_FOUND when there is no such resource. */
async function existing(backend: Backend, resource: string): Promise<string> {
  if (resource.includes('/databases/')) {
    // A role of a database stands for the database.
    const [database = ''] = resource.split('/databaseRoles/');
    checkDatabase(database);
    await backend.databases.get(database);
  } else await backend.instances.get(checkInstance(resource));
  return resource;
}

const encode = ({ version, bindings, etag }: PolicyRecord): Buffer => POLICY.encode({ version, bindings, etag: Buffer.from(etag) });

export async function getIamPolicy(backend: Backend, bytes: Buffer): Promise<Buffer> {
  return encode(await backend.policies.get(await existing(backend, GET.decode(bytes).resource)));
}

function checkBinding({ role, members, condition }: Binding): PolicyRecord['bindings'][number] {
  if (!/^(roles|projects|organizations)\/[^\s]{1,200}$/.test(role)) throw invalidArgument(`Invalid role: ${role.slice(0, 200)}`);
  if (members.length > MAX_MEMBERS) throw invalidArgument(`A binding has at most ${String(MAX_MEMBERS)} members.`);
  for (const member of members) if (!/^all(Authenticated)?Users$|^[A-Za-z]+:.{1,250}$/.test(member)) throw invalidArgument(`Invalid member: ${member.slice(0, 200)}`);
  return { role, members, ...(condition === null ? {} : { condition }) };
}

export async function setIamPolicy(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const { resource, policy } = SET.decode(bytes);
  if (policy === null) throw invalidArgument('SetIamPolicy needs a policy.');
  if (policy.bindings.length > MAX_BINDINGS) throw invalidArgument(`A policy has at most ${String(MAX_BINDINGS)} bindings.`);
  const bindings = policy.bindings.map(checkBinding);
  if (JSON.stringify(bindings).length > MAX_POLICY_CHARS) throw invalidArgument('The policy is too large.');
  const etag = Buffer.from(policy.etag).toString();
  const stored = await backend.policies.set(await existing(backend, resource), { version: policy.version, bindings }, etag);
  if (stored === undefined) throw aborted('The policy was changed meanwhile: its etag is another. Read it and change it again.');
  return encode(stored);
}

export async function testIamPermissions(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const { resource, permissions } = TEST.decode(bytes);
  if (permissions.length > MAX_PERMISSIONS) throw invalidArgument(`At most ${String(MAX_PERMISSIONS)} permissions can be asked for at once.`);
  for (const permission of permissions) if (!PERMISSION.test(permission)) throw invalidArgument(`Invalid permission: ${permission.slice(0, 200)}`);
  await existing(backend, resource);
  return TESTED.encode({ permissions });
}
