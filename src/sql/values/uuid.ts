/**
 * UUID values: 32 lower-case hexadecimal digits in the form 8-4-4-4-12. Text may put hyphens elsewhere, or leave them
 * out, or stand in braces, but not start or end with a hyphen nor have two together.
 */
export function parseUuid(text: string): string | undefined {
  const trimmed = text.trim();
  const inner = trimmed.startsWith('{') && trimmed.endsWith('}') ? trimmed.slice(1, -1) : trimmed;
  if (!/^[0-9a-fA-F]+(?:-[0-9a-fA-F]+)*$/.test(inner)) return undefined;
  const digits = inner.replaceAll('-', '').toLowerCase();
  return digits.length === 32 ? formatUuidDigits(digits) : undefined;
}

function formatUuidDigits(digits: string): string {
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`;
}

export const uuidFromBytes = (bytes: Uint8Array): string =>
  formatUuidDigits(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex'));

export const uuidToBytes = (uuid: string): Uint8Array => new Uint8Array(Buffer.from(uuid.replaceAll('-', ''), 'hex'));

/** A random UUID (version 4, RFC 4122) from sixteen random bytes. */
export function randomUuid(random: Uint8Array): string {
  const bytes = new Uint8Array(random.subarray(0, 16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return uuidFromBytes(bytes);
}
