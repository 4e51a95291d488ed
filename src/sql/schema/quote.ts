/** Names as statements show them: in backquotes only when they are reserved words or not identifiers. */
import { isReserved } from '../lex/words.ts';

const quotePart = (name: string): string => (isReserved(name.toUpperCase()) || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `\`${name}\`` : name);
/** A complete name, each part in backquotes where needed. */
export const quote = (name: string): string => name.split('.').map(quotePart).join('.');
