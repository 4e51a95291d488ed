/** SQL texts of values for every type: the ordinary, the edges of the range, and what is easily got wrong. */
import { typeName, type SqlType } from '../../src/sql/types/types.ts';
import type { Random } from '../../src/base/env.ts';

export const pick = <T>(random: Random, list: readonly T[]): T => list[random.int(list.length)] as T;

const words = (text: string): readonly string[] => text.split('|');

const SIMPLE: Readonly<Record<string, readonly string[]>> = {
  BOOL: words('TRUE|FALSE'),
  INT64: words('0|1|-1|2|3|7|10|-5|64|63|100|1000|1483228800|2000000000|-2147483648|9223372036854775807|-9223372036854775808|9007199254740993|0x1F|1234567890123456789|86400|20|15|4'),
  FLOAT64: words('0.0|1.0|-1.0|0.5|-0.0|1.5|2.5|-2.5|3.14159|1e10|1e308|-1e308|5e-324|1e-10|123456789.123456789|0.1|1e15|1e16|1e17|1e21|CAST("nan" AS FLOAT64)|CAST("inf" AS FLOAT64)|CAST("-inf" AS FLOAT64)|9223372036854775807.0|2147483648.0|0.3|100.0|7.0'),
  FLOAT32: words('0.0|1.0|-1.0|0.5|1.5|2.5|0.1|3.4e38|1e-45|16777217|1e10|"nan"|"inf"|"-inf"|-0.0|123.456|1e-7').map((v) => `CAST(${v} AS FLOAT32)`),
  NUMERIC: words('0|1|-1|0.5|2.5|-2.5|3.14159|99999999999999999999999999999.999999999|-99999999999999999999999999999.999999999|0.000000001|-0.000000001|123456789.123456789|1e10|10|100.5|1.005|2').map((v) => `NUMERIC '${v}'`),
  STRING: [
    ...words(`""|"a"|"abc"|"ABC"|"hello world"|" pad "|"äöü"|"日本語"|"😀x"|"aAbB"|"1"|"12"|"-3.5"|"true"|"a,b,,c"|"%a_"|"\\\\d+"|"(a)(b)?"|"[a-c]+"|"."|"a\\nb"|"2020-02-29"|"2020-01-01 12:34:56.789+00"|"nan"|"1e3"|"0x1f"|"ß"|"ﬁ"|"İ"|"a.b"|"$.a"|"x|y"|"xyzxyz"|"abcabc"|"é"|"UTC"|"Europe/Berlin"|"+05:30"|"P1Y2M3DT4H5M6.5S"|"1-2 3 4:5:6"|"9223372036854775808"|"99999999999999999999999999999.5"|"00112233-4455-6677-8899-aabbccddeeff"`),
    '"\\u0000"', '"a\\u0301"', '"tab\\tx"', '"x" || REPEAT("y", 20)',
  ],
  BYTES: words(`b""|b"a"|b"abc"|b"\\x00\\xff"|b"ABC"|b"hello"|b"\\xe4\\xbd\\xa0"|b"\\x80"|b"  x "|b"\\x7f\\x00\\x00\\x01"|b"0123456789abcdef"|b"a,b"|b"aa"`),
  DATE: words('2020-02-29|1970-01-01|0001-01-01|9999-12-31|2000-12-31|2021-01-03|2017-05-26|1969-12-31|2024-12-30|2023-01-01').map((v) => `DATE '${v}'`),
  TIMESTAMP: words('1970-01-01 00:00:00+00|2020-02-29 23:59:59.999999+00|0001-01-01 00:00:00+00|9999-12-31 23:59:59.999999+00|2017-11-05 09:30:00+00|2021-03-14 10:00:00.123456+00|1969-12-31 23:59:59.5+00|2008-12-25 15:30:00.1|2016-12-31 23:59:59.123+14:00|1900-01-01 00:00:00+00').map((v) => `TIMESTAMP '${v}'`),
  JSON: words(`null|true|1|1.5|"s"|[]|{}|[1, "a", null, [2]]|{"a": 1, "b": {"c": [1, 2, {"d": null}]}}|"10"|"true"|-1|1e100|12345678901234567890|[true, false]|["x", "y"]|[1, 2, 3]|{"a": "x", "a.b": 2}|{"a": null}|[1.0, 2.5]|1.0|{"b": [null, {}], "a": []}|-0.0|9223372036854775807`).map((v) => `JSON '${v}'`),
  UUID: words('00000000-0000-0000-0000-000000000000|00112233-4455-6677-8899-aabbccddeeff|ffffffff-ffff-4fff-bfff-ffffffffffff').map((v) => `CAST("${v}" AS UUID)`),
  INTERVAL: words(`INTERVAL 1 YEAR|INTERVAL -5 DAY|INTERVAL '1-2 3 4:5:6.789' YEAR TO SECOND|INTERVAL 0 SECOND|INTERVAL 10000 YEAR|INTERVAL '-1:2:3' HOUR TO SECOND|INTERVAL 25 HOUR|INTERVAL 45 DAY|INTERVAL 3 MONTH|INTERVAL '0.000001' SECOND|INTERVAL 1 QUARTER|INTERVAL 2 WEEK|INTERVAL -13 MONTH`),
};

export const ELEMENT_TYPES: readonly string[] = Object.keys(SIMPLE);

/** A constant of the type. */
export function literal(random: Random, type: SqlType): string {
  switch (type.kind) {
    case 'ARRAY': {
      const size = pick(random, [0, 1, 2, 2, 3, 5]);
      const items = Array.from({ length: size }, () => (random.int(8) === 0 ? 'NULL' : literal(random, type.element)));
      return `ARRAY<${typeName(type.element)}>[${items.join(', ')}]`;
    }
    case 'STRUCT':
      return `${typeName(type)}(${type.fields.map((f) => literal(random, f.type)).join(', ')})`;
    default:
      return pick(random, SIMPLE[type.kind] ?? ['NULL']);
  }
}

export const DATE_PARTS = words('DAY|WEEK|ISOWEEK|MONTH|QUARTER|YEAR|ISOYEAR|WEEK|DAY|DAYOFWEEK|DAYOFYEAR|HOUR|MINUTE|SECOND|MILLISECOND|MICROSECOND|NANOSECOND|DATE|TIME|CENTURY');
export const KEYWORDS = words('NFC|NFKC|NFD|NFKD|NFX');

export const FORMAT_STRINGS = [
  ...words('%d|%5d|%-5d|%05d|%+d|%i|%x|%X|%o|%u|%f|%.2f|%10.3f|%e|%E|%g|%G|%.3g|%s|%10s|%-10s|%.2s|%t|%T|%p|%P|%%|%c|%y|%\'d|%\'f|%*d|% d|%#x|%#o|%+.1e|%08.2f|%F|%a|%5%|a%sb%tc|%-10.3sX|%T%T|%.0f|%#g|%lld|%03d|%+5d|%\'x|%.*f'),
].map((f) => `"${f}"`);

export const TIME_FORMATS = words('%Y-%m-%d|%F|%T|%H:%M:%S|%c|%x|%X|%A %B|%a %b|%e|%j|%U|%W|%V|%G|%g|%y|%C|%D|%R|%r|%I %p|%s|%Z|%z|%Ez|%E4S|%E*S|%E3S|%Q|%u|%w|%k|%l|%n%t|%%|%h|%Ey|%Od|%E9S|%P|%E4Y|%Y-%m-%d %H:%M:%E6S|%m/%d/%y|%J|%i').map((f) => `"${f}"`);
