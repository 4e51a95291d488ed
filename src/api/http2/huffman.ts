/**
 * The Huffman code of HPACK (RFC 7541, appendix B), decoded. The code is canonical, so the lengths of the codes say all of
 * it: among codes of one length those of lower symbols come first, and every length goes on where the last one ended.
 * Answers are sent without it.
 */
import { ConnectionFault, ErrorCode } from './frames.ts';

/** Of the 256 bytes and of the end of a string, which never occurs in one. */
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const END_OF_STRING = 256;
const MAX_LENGTH = 30;
/** Padding is shorter than a byte. */
const MAX_PADDING_BITS = 7;

/** How many codes there are of each length, and the symbols in the order of their codes. */
const COUNTS = Array.from({ length: MAX_LENGTH + 1 }, (_, length) => LENGTHS.filter((each) => each === length).length);
const SYMBOLS = LENGTHS.map((_, symbol) => symbol).sort((a, b) => (LENGTHS[a] ?? 0) - (LENGTHS[b] ?? 0) || a - b);

const malformed = (): ConnectionFault => new ConnectionFault(ErrorCode.compression, 'malformed Huffman code');

/** The text, a char for each byte. */
export function decodeHuffman(bytes: Uint8Array): string {
  let text = '';
  let code = 0;
  let length = 0;
  /** The first code of this length, and the place of its symbol. */
  let first = 0;
  let index = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | ((byte >>> bit) & 1);
      length++;
      first <<= 1;
      const count = COUNTS[length] ?? 0;
      if (code - first < count) {
        const symbol = SYMBOLS[index + code - first] ?? END_OF_STRING;
        if (symbol === END_OF_STRING) throw malformed();
        text += String.fromCharCode(symbol);
        code = length = first = index = 0;
        continue;
      }
      index += count;
      first += count;
      if (length >= MAX_LENGTH) throw malformed();
    }
  }
  // What is left is the beginning of the longest code, which has ones only.
  if (length > MAX_PADDING_BITS || code !== (1 << length) - 1) throw malformed();
  return text;
}
