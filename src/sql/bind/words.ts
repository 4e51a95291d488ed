/** Words of syntax and what they stand for: operators as functions of the table, parts of dates, names that are calls. */
import type { BinaryOperator } from '../ast/expressions.ts';

export const BINARY: Readonly<Record<BinaryOperator, string>> = {
  '+': '$add', '-': '$subtract', '*': '$multiply', '/': '$divide', '||': '$concat_op', '<<': '$bitwise_left_shift', '>>': '$bitwise_right_shift',
  '&': '$bitwise_and', '^': '$bitwise_xor', '|': '$bitwise_or', '=': '$equal', '!=': '$not_equal', '<': '$less', '<=': '$less_or_equal',
  '>': '$greater', '>=': '$greater_or_equal',
};

export const SUBSCRIPTS = {
  OFFSET: '$array_at_offset', ORDINAL: '$array_at_ordinal', SAFE_OFFSET: '$safe_array_at_offset', SAFE_ORDINAL: '$safe_array_at_ordinal',
} as const;

/** What makes ISO 8601 text of the text of one part: INTERVAL '1.5' SECOND. */
export const ISO_PARTS: Readonly<Record<string, readonly [string, string]>> = {
  YEAR: ['P', 'Y'], MONTH: ['P', 'M'], WEEK: ['P', 'W'], DAY: ['P', 'D'], HOUR: ['PT', 'H'], MINUTE: ['PT', 'M'], SECOND: ['PT', 'S'],
};

/** Functions that may be called without parentheses. */
export const BARE_FUNCTIONS = new Map(['CURRENT_DATE', 'CURRENT_TIMESTAMP'].map((name) => [name, name]));
