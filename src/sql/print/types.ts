/** Names, literals' content and types as text: the first layer of the printer (see print.ts). */
import { unreachable } from '../../base/assert.ts';
import type { Identifier, Path } from '../ast/node.ts';
import type { TypeName } from '../ast/types.ts';

const NAMED_ESCAPES: ReadonlyMap<string, string> = new Map([['\n', '\\n'], ['\r', '\\r'], ['\t', '\\t'], ['\\', '\\\\']]);

const hex = (code: number): string => code.toString(16).padStart(2, '0');

/** The text with quotes of one kind and control characters escaped. */
function escape(text: string, quote: string): string {
  let out = '';
  for (const char of text) {
    const code = char.charCodeAt(0);
    if (char === quote) out += `\\${quote}`;
    else out += NAMED_ESCAPES.get(char) ?? (code < 32 || code === 127 ? `\\x${hex(code)}` : char);
  }
  return out;
}

/** A string literal in double quotes. */
export const stringLiteral = (text: string): string => `"${escape(text, '"')}"`;

/** A bytes literal: printable ASCII as it is, other bytes as \xNN. */
export function bytesLiteral(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += byte >= 32 && byte < 127 && byte !== 34 && byte !== 92 ? String.fromCharCode(byte) : `\\x${hex(byte)}`;
  return `b"${out}"`;
}

export const quotedName = (name: string): string => `\`${escape(name, '`')}\``;

export abstract class TypePrinter {
  /** Quoted exactly if it was. */
  protected name(identifier: Identifier): string {
    return identifier.quoted ? quotedName(identifier.name) : identifier.name;
  }

  protected names(identifiers: readonly Identifier[]): string {
    return identifiers.map((identifier) => this.name(identifier)).join(', ');
  }

  path(path: Pick<Path, 'parts'>): string {
    return path.parts.map((part) => this.name(part)).join('.');
  }

  type(type: TypeName): string {
    switch (type.kind) {
      case 'simpleType': {
        const parameters = type.parameters.map((parameter) => (parameter.kind === 'max' ? 'MAX' : String(parameter.value)));
        return parameters.length === 0 ? this.path(type.name) : `${this.path(type.name)}(${parameters.join(', ')})`;
      }
      case 'arrayType': return `ARRAY<${this.type(type.element)}>${type.vectorLength === undefined ? '' : `(vector_length=>${type.vectorLength})`}`;
      case 'structType': {
        const fields = type.fields.map((field) => (field.name === undefined ? this.type(field.type) : `${this.name(field.name)} ${this.type(field.type)}`));
        return `STRUCT<${fields.join(', ')}>`;
      }
      case 'rangeType': return `RANGE<${this.type(type.element)}>`;
      case 'mapType': return `MAP<${this.type(type.key)}, ${this.type(type.value)}>`;
      case 'functionType': return `FUNCTION<(${type.parameters.map((parameter) => this.type(parameter)).join(', ')})->${this.type(type.result)}>`;
      case 'templatedType': return 'ANY TYPE';
      default: return unreachable(type);
    }
  }
}
