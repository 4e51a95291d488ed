/**
 * NET functions: parts of URLs, IP addresses as bytes in network order.
 *
 * Public suffixes come from rules and not from the public suffix list: the last label, together with the one before it
 * where a country's domain has the customary second level (co.uk, com.br). Deviation: suffixes that only the list knows.
 * Source: GoogleSQL "Net functions"; messages as observed.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { outOfRange } from '../../base/errors.ts';
import type { Int64 } from '../values/value.ts';
import { on, scalar } from './define.ts';
import type { FunctionDefinition } from './registry.ts';

const FAMILY = 'net';

/** The host of a URL as it is written, or what would be one; NULL when there is none. */
function host(url: string): string | null {
  let rest = url.trim();
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/.exec(rest);
  const slashes = /^(?:[A-Za-z][A-Za-z0-9+.-]*:)?\/\//.exec(rest);
  if (slashes !== null) rest = rest.slice(slashes[0].length);
  else if (/^mailto:[^?]/i.test(rest)) rest = rest.slice('mailto:'.length);
  else if (scheme !== null && !/^[0-9]+(?:[/?#]|$)/.test(rest.slice(scheme[0].length))) return scheme[0].slice(0, -1);
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? '';
  const afterUser = authority.slice(authority.lastIndexOf('@') + 1);
  // Colons inside brackets belong to an address.
  const name = /^(?:\[[^\]]*\]?)?[^:]*/.exec(afterUser)?.[0] ?? '';
  return name === '' ? null : name.replace(/^\.+(?=.)/, '');
}

const SECOND_LEVELS = new Set(['ac', 'co', 'com', 'edu', 'go', 'gob', 'gov', 'gouv', 'govt', 'gv', 'id', 'info', 'ltd', 'me', 'mil', 'ne', 'net', 'nhs', 'nom', 'or', 'org', 'plc', 'police', 'sch', 'school', 'web']);
/** Country domains that register at the second level only or too; under others such labels are ordinary names. */
const SECOND_LEVEL_COUNTRIES = new Set(
  'ae af ag ai al am ao ar at au az ba bb bd bh bm bn bo br bs bw by bz ck cn co cr cu cw cy dm do dz ec eg er et fj fk fr ge gg gh gi gn gr gt gu gy hk hn hr ht hu id ie il im in iq ir jm jo jp ke kh ki km kn kr kw ky kz la lb lc lk lr ls lv ly ma mg mk ml mm mn mo ms mt mu mv mw mx my mz na nc ne nf ng ni np nr nz om pa pe pf pg ph pk pl pn pr ps pt py qa ro rs ru rw sa sb sc sd sg sh sl sn so sv sy sz th tj tm tn to tr tt tw tz ua ug uk uy uz vc ve vi vn vu ws ye za zm zw'.split(' '),
);

/** Top-level domains that are suffixes of their own; of the newer ones only the public suffix list knows. */
const GENERIC = new Set('com org net edu gov mil int arpa info biz name pro aero coop museum mobi asia cat jobs tel travel post xxx'.split(' '));

/** How many labels at the end are a public suffix; 0 for an address, and for a single label that may be any machine's name. */
function suffixLabels(labels: readonly string[]): number {
  const [top = '', second = ''] = [labels[labels.length - 1]?.toLowerCase(), labels[labels.length - 2]?.toLowerCase()];
  if (labels.length < 2) return /^[a-z]{2}$/.test(top) || GENERIC.has(top) ? labels.length : 0;
  // oxlint-disable-next-line no-control-regex -- anything but ASCII
  if (!/^(?:[a-z]{2,63}|xn--[a-z0-9-]+|[^\u0000-\u007f]+)$/.test(top)) return 0;
  return SECOND_LEVELS.has(second) && SECOND_LEVEL_COUNTRIES.has(top) ? 2 : 1;
}

function labelsOf(url: string): string[] | null {
  const name = host(url);
  if (name === null || name.startsWith('[') || isIPv4(name)) return null;
  const labels = name.replace(/[.。．]+$/, '').replace(/^[.]+/, '').split('.');
  return labels.some((label) => label === '' || /[\s_%]/.test(label)) ? null : labels;
}

/** The last labels, with one of the dots that the host ends in. */
const lastLabels = (url: string, labels: readonly string[], count: number): string => `${labels.slice(-count).join('.')}${/[.]$/.test(host(url) ?? '') ? '.' : ''}`;

function publicSuffix(url: string): string | null {
  const labels = labelsOf(url);
  const count = labels === null ? 0 : suffixLabels(labels);
  return labels === null || count === 0 ? null : lastLabels(url, labels, count);
}

function registeredDomain(url: string): string | null {
  const labels = labelsOf(url);
  const count = labels === null ? 0 : suffixLabels(labels);
  return labels === null || count === 0 || labels.length <= count ? null : lastLabels(url, labels, count + 1);
}

function parseIp(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const v4 = /(?:^|:)([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+)$/.exec(text)?.[1];
  const bytes4 = v4 === undefined ? undefined : v4.split('.').map(Number);
  const plain = v4 === undefined || bytes4 === undefined ? text : text.slice(0, -v4.length) + [0, 2].map((i) => (((bytes4[i] ?? 0) << 8) | (bytes4[i + 1] ?? 0)).toString(16)).join(':');
  const [head = '', tail] = plain.split('::');
  const words = (part: string): number[] => (part === '' ? [] : part.split(':').map((w) => parseInt(w, 16)));
  const [front, back] = [words(head), tail === undefined ? [] : words(tail)];
  const all = [...front, ...Array.from({ length: 8 - front.length - back.length }, () => 0), ...back];
  return Uint8Array.from(all.flatMap((w) => [w >> 8, w & 255]));
}

function ipFromString(text: string): Uint8Array {
  const ip = parseIp(text);
  if (ip === undefined) throw outOfRange(`NET.IP_FROM_STRING() encountered an unparseable IP-address: ${text}`);
  return ip;
}

/** The longest run of at least two zero words is written `::`, the first of equally long ones. */
function compressed(words: readonly number[]): string {
  let [best, length] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && words[i + n] === 0) n++;
    if (n > length) [best, length] = [i, n];
    if (n > 0) i += n;
  }
  const hex = words.map((w) => w.toString(16));
  return best < 0 ? hex.join(':') : `${hex.slice(0, best).join(':')}::${hex.slice(best + length).join(':')}`;
}

function ipToString(ip: Uint8Array): string {
  if (ip.length === 4) return ip.join('.');
  if (ip.length !== 16) throw outOfRange(`NET.IP_TO_STRING() encountered an invalid IP address. Expected 4 (for IPv4) or 16 (for IPv6) bytes but got ${ip.length}`);
  const words = Array.from({ length: 8 }, (_, i) => ((ip[2 * i] ?? 0) << 8) | (ip[2 * i + 1] ?? 0));
  if (words.slice(0, 5).every((w) => w === 0) && words[5] === 0xffff) return `::ffff:${ip.slice(12).join('.')}`;
  // What is left of addresses of version 4 inside version 6, ::1 and the like apart.
  if (words.slice(0, 6).every((w) => w === 0) && words[6] !== 0) return `::${ip.slice(12).join('.')}`;
  return compressed(words);
}

function mask(size: number, bits: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => {
    const here = Math.max(0, Math.min(8, bits - 8 * i));
    return (0xff00 >> here) & 0xff;
  });
}

function netMask(size: Int64, bits: Int64): Uint8Array {
  if (size !== 4 && size !== 16) throw outOfRange(`The first argument of NET.IP_NET_MASK() must be either 4 (for IPv4) or 16 (for IPv6); got ${size}`);
  if (bits < 0 || bits > size * 8) throw outOfRange(`The second argument of NET.IP_NET_MASK() must be between 0 and the first argument * 8; got ${bits}`);
  return mask(size, Number(bits));
}

function truncate(ip: Uint8Array, bits: Int64): Uint8Array {
  if (ip.length !== 4 && ip.length !== 16) throw outOfRange(`The first argument of NET.IP_TRUNC() must have length 4 (for IPv4) or 16 (for IPv6); got ${ip.length}`);
  if (bits < 0 || bits > ip.length * 8) throw outOfRange(`The second argument of NET.IP_TRUNC() must be between 0 and 8 * LENGTH(first argument); got ${bits}`);
  const m = mask(ip.length, Number(bits));
  return ip.map((byte, i) => byte & (m[i] ?? 0));
}

function fromInt64(n: Int64): Uint8Array {
  if (n < -0x8000_0000 || n > 0xffff_ffff) throw outOfRange(`NET.IPV4_FROM_INT64() encountered an invalid integer IP. Expected range: [-0x80000000, 0xFFFFFFFF]; got ${n}`);
  const bits = Number(n) >>> 0;
  return Uint8Array.of(bits >>> 24, (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255);
}

function toInt64(ip: Uint8Array): number {
  if (ip.length !== 4) throw outOfRange(`NET.IPV4_TO_INT64() encountered a non-IPv4 address. Expected 4 bytes but got ${ip.length}`);
  return ip.reduce((sum, byte) => sum * 256 + byte, 0);
}

export const NET: readonly FunctionDefinition[] = [
  scalar('NET.HOST', FAMILY, 'The host of a URL.', [on('(STRING) -> STRING', host)]),
  scalar('NET.PUBLIC_SUFFIX', FAMILY, 'The public suffix of a URL’s host, such as com or co.uk.', [on('(STRING) -> STRING', publicSuffix)]),
  scalar('NET.REG_DOMAIN', FAMILY, 'The registered domain of a URL’s host: the public suffix and one label.', [on('(STRING) -> STRING', registeredDomain)]),
  scalar('NET.IP_FROM_STRING', FAMILY, 'The bytes of an IP address.', [on('(STRING) -> BYTES', ipFromString)]),
  scalar('NET.SAFE_IP_FROM_STRING', FAMILY, 'The bytes of an IP address, NULL for anything else.', [on('(STRING) -> BYTES', (text: string) => parseIp(text) ?? null)]),
  scalar('NET.IP_TO_STRING', FAMILY, 'The text of an IP address.', [on('(BYTES) -> STRING', ipToString)]),
  scalar('NET.IP_NET_MASK', FAMILY, 'A mask of 4 or 16 bytes whose first bits are set.', [on('(INT64, INT64) -> BYTES', netMask)]),
  scalar('NET.IP_TRUNC', FAMILY, 'An address with all but its first bits cleared.', [on('(BYTES, INT64) -> BYTES', truncate)]),
  scalar('NET.IPV4_FROM_INT64', FAMILY, 'The IPv4 address of a number.', [on('(INT64) -> BYTES', fromInt64)]),
  scalar('NET.IPV4_TO_INT64', FAMILY, 'The number of an IPv4 address.', [on('(BYTES) -> INT64', toInt64)]),
];
