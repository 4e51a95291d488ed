/** Which schema statement it is; roles and privileges, databases, and DROP, which are short. See ast/ddl.ts. */
import type { DdlStatement, DropObject, DroppableType, GrantOrRevoke, GrantOrRevokeRole, Privilege, PrivilegeObjectType, PrivilegeTarget } from '../ast/ddl.ts';
import type { Identifier } from '../ast/node.ts';
import { DdlObjectParser } from './ddl-objects.ts';

export abstract class DdlParser extends DdlObjectParser {
  protected startsDdl(): boolean {
    switch (this.word) {
      case 'CREATE': case 'ALTER': case 'DROP': case 'GRANT': case 'REVOKE': case 'ANALYZE': case 'RENAME': return true;
      default: return false;
    }
  }

  protected parseDdlStatement(): DdlStatement {
    const start = this.start;
    switch (this.word) {
      case 'CREATE': return this.parseCreate(start);
      case 'ALTER': return this.parseAlter(start);
      case 'DROP': return this.parseDrop(start);
      case 'GRANT': case 'REVOKE': return this.parseGrantOrRevoke(start);
      case 'ANALYZE':
        this.advance();
        return { kind: 'analyze', start, end: this.previousEnd };
      case 'RENAME':
        this.advance();
        this.expect('TABLE');
        return this.parseRenameTable(start);
      default: throw this.unexpected('ddl_statement');
    }
  }

  private parseCreate(start: number): DdlStatement {
    this.advance();
    switch (this.word) {
      case 'TABLE':
        this.advance();
        return this.parseCreateTable(start);
      case 'UNIQUE': case 'NULL_FILTERED': case 'INDEX': return this.parseCreateIndex(start);
      case 'SEARCH':
        this.advance();
        this.expect('INDEX');
        return this.parseCreateSearchIndex(start);
      case 'VECTOR':
        this.advance();
        this.expect('INDEX');
        return this.parseCreateVectorIndex(start);
      case 'SEQUENCE':
        this.advance();
        return this.parseCreateSequence(start);
      case 'CHANGE':
        this.advance();
        this.expect('STREAM');
        return this.parseCreateChangeStream(start);
      case 'PROTO': {
        this.advance();
        this.expect('BUNDLE');
        const types = this.parseProtoTypes();
        return { kind: 'createProtoBundle', start, end: this.previousEnd, types };
      }
      case 'DATABASE': case 'ROLE': case 'PLACEMENT': case 'LOCALITY': return this.parseCreateNamed(start);
      default: return this.parseCreateReplaceable(start);
    }
  }

  /** Objects that are a name and perhaps options. */
  private parseCreateNamed(start: number): DdlStatement {
    const word = this.word;
    this.advance();
    if (word === 'LOCALITY') this.expect('GROUP');
    const ifNotExists = word === 'DATABASE' ? false : this.parseIfNotExists();
    const name = this.parseIdentifier();
    const options = word === 'ROLE' ? [] : this.parseOptionsIfPresent();
    const range = { start, end: this.previousEnd };
    switch (word) {
      case 'DATABASE': return { kind: 'createDatabase', ...range, name, options };
      case 'ROLE': return { kind: 'createRole', ...range, ifNotExists, name };
      case 'PLACEMENT': return { kind: 'createPlacement', ...range, name, options };
      default: return { kind: 'createLocalityGroup', ...range, ifNotExists, name, options };
    }
  }

  /** Objects that OR REPLACE is possible for. */
  private parseCreateReplaceable(start: number): DdlStatement {
    const orReplace = this.accept('OR');
    if (orReplace) this.expect('REPLACE');
    switch (this.word) {
      case 'VIEW':
        this.advance();
        return this.parseCreateView(start, orReplace);
      case 'FUNCTION':
        this.advance();
        return this.parseCreateFunction(start, orReplace);
      case 'MODEL':
        this.advance();
        return this.parseCreateModel(start, orReplace);
      case 'PROPERTY':
        this.advance();
        this.expect('GRAPH');
        return this.parseCreatePropertyGraph(start, orReplace);
      case 'SCHEMA': {
        this.advance();
        const ifNotExists = this.parseIfNotExists();
        const name = this.parsePath();
        const options = this.parseOptionsIfPresent();
        return { kind: 'createSchema', start, end: this.previousEnd, orReplace, ifNotExists, name, options };
      }
      default: throw this.unexpected(orReplace ? 'create_or_replace_statement' : 'create_statement');
    }
  }

  private parseAlter(start: number): DdlStatement {
    this.advance();
    const word = this.word;
    switch (word) {
      case 'TABLE':
        this.advance();
        return this.parseAlterTable(start);
      case 'INDEX':
        this.advance();
        return this.parseAlterIndex('index', start);
      case 'SEARCH': case 'VECTOR':
        this.advance();
        this.expect('INDEX');
        return this.parseAlterIndex(word === 'SEARCH' ? 'searchIndex' : 'vectorIndex', start);
      case 'SEQUENCE':
        this.advance();
        return this.parseAlterSequence(start);
      case 'CHANGE':
        this.advance();
        this.expect('STREAM');
        return this.parseAlterChangeStream(start);
      case 'PROTO':
        this.advance();
        this.expect('BUNDLE');
        return this.parseAlterProtoBundle(start);
      case 'DATABASE': case 'STATISTICS': case 'LOCALITY': case 'MODEL': case 'SCHEMA': return this.parseAlterOptions(start);
      default: throw this.unexpected('alter_statement');
    }
  }

  /** `ALTER object SET OPTIONS (…)`. */
  private parseAlterOptions(start: number): DdlStatement {
    const word = this.word;
    this.advance();
    if (word === 'LOCALITY') this.expect('GROUP');
    const ifExists = word === 'DATABASE' ? false : this.parseIfExists();
    const path = this.parsePath();
    const [name, second] = path.parts;
    if (name === undefined || (second !== undefined && word !== 'MODEL' && word !== 'SCHEMA')) throw this.unexpected();
    this.expect('SET');
    const options = this.parseOptions();
    const range = { start, end: this.previousEnd };
    switch (word) {
      case 'DATABASE': return { kind: 'alterDatabase', ...range, name, options };
      case 'STATISTICS': return { kind: 'alterStatistics', ...range, name, options };
      case 'LOCALITY': return { kind: 'alterLocalityGroup', ...range, ifExists, name, options };
      case 'MODEL': return { kind: 'alterModel', ...range, ifExists, name: path, options };
      default: return { kind: 'alterSchema', ...range, ifExists, name: path, options };
    }
  }

  // ---- DROP

  private parseDrop(start: number): DropObject {
    this.advance();
    const objectType = this.parseDroppableType();
    if (objectType === 'protoBundle') return { kind: 'dropObject', start, end: this.previousEnd, objectType, ifExists: false, name: undefined };
    const ifExists = this.parseIfExists();
    const name = this.parsePath();
    return { kind: 'dropObject', start, end: this.previousEnd, objectType, ifExists, name };
  }

  private parseDroppableType(): DroppableType {
    const word = this.word;
    const two = (second: 'INDEX' | 'STREAM' | 'BUNDLE' | 'GROUP' | 'GRAPH', type: DroppableType): DroppableType => {
      this.advance();
      this.expect(second);
      return type;
    };
    const one = (type: DroppableType): DroppableType => {
      this.advance();
      return type;
    };
    switch (word) {
      case 'TABLE': return one('table');
      case 'INDEX': return one('index');
      case 'SEARCH': return two('INDEX', 'searchIndex');
      case 'VECTOR': return two('INDEX', 'vectorIndex');
      case 'VIEW': return one('view');
      case 'SCHEMA': return one('schema');
      case 'SEQUENCE': return one('sequence');
      case 'CHANGE': return two('STREAM', 'changeStream');
      case 'ROLE': return one('role');
      case 'FUNCTION': return one('function');
      case 'MODEL': return one('model');
      case 'PROPERTY': return two('GRAPH', 'propertyGraph');
      case 'PROTO': return two('BUNDLE', 'protoBundle');
      case 'PLACEMENT': return one('placement');
      case 'LOCALITY': return two('GROUP', 'localityGroup');
      case 'DATABASE': return one('database');
      case 'STATISTICS': return one('statistics');
      default: throw this.unexpected('drop_statement');
    }
  }

  // ---- Privileges

  private parseGrantOrRevoke(start: number): GrantOrRevoke | GrantOrRevokeRole {
    const revoke = this.word === 'REVOKE';
    this.advance();
    if (this.accept('ROLE')) {
      const roles = this.parseRoles();
      this.expectGrantees(revoke);
      const grantees = this.parseRoles();
      return { kind: 'grantOrRevokeRole', start, end: this.previousEnd, revoke, roles, grantees };
    }
    const privileges = [this.parsePrivilege()];
    while (this.accept(',')) privileges.push(this.parsePrivilege());
    this.expect('ON');
    const target = this.parsePrivilegeTarget(privileges);
    this.expectGrantees(revoke);
    const roles = this.parseRoles();
    return { kind: 'grantOrRevoke', start, end: this.previousEnd, revoke, privileges, target, roles };
  }

  private expectGrantees(revoke: boolean): void {
    this.expect(revoke ? 'FROM' : 'TO');
    this.expect('ROLE');
  }

  private parseRoles(): Identifier[] {
    const roles = [this.parseIdentifier()];
    while (this.accept(',')) roles.push(this.parseIdentifier());
    return roles;
  }

  private parsePrivilege(): Privilege {
    const start = this.start;
    let privilege: Privilege['privilege'];
    switch (this.word) {
      case 'SELECT': privilege = 'select'; break;
      case 'INSERT': privilege = 'insert'; break;
      case 'UPDATE': privilege = 'update'; break;
      case 'DELETE': privilege = 'delete'; break;
      case 'EXECUTE': privilege = 'execute'; break;
      case 'USAGE': privilege = 'usage'; break;
      default: throw this.unexpected('grant_statement');
    }
    this.advance();
    const columns = this.is('(') ? this.parseIdentifierList() : undefined;
    return { kind: 'privilege', start, end: this.previousEnd, privilege, columns };
  }

  private parsePrivilegeTarget(privileges: readonly Privilege[]): PrivilegeTarget {
    const start = this.start;
    const all = this.accept('ALL');
    const typeStart = this.at;
    const objectType = all ? this.parsePluralType() : this.parseObjectType();
    // A sequence can only be read from, by SELECT; UPDATE of it is documented too.
    if (objectType === 'sequence' && privileges.some((p) => p.privilege === 'insert' || p.privilege === 'delete')) {
      this.at = typeStart;
      throw this.unexpected('privilege_target');
    }
    if (all) {
      this.expect('IN');
      this.expect('SCHEMA');
      const schemas = this.parsePathsSeparatedByCommas();
      return { kind: 'allInSchemas', start, end: this.previousEnd, objectType, schemas };
    }
    const names = objectType === 'schema' ? this.parseSchemaNames() : this.parsePathsSeparatedByCommas();
    return { kind: 'objects', start, end: this.previousEnd, objectType, names };
  }

  /** The schema without a name is written DEFAULT, which is reserved. */
  private parseSchemaNames(): ReturnType<DdlObjectParser['parsePathsSeparatedByCommas']> {
    const names = [];
    do {
      if (this.word !== 'DEFAULT') {
        names.push(this.parsePath());
        continue;
      }
      const range = { start: this.start, end: this.end };
      const part: Identifier = { kind: 'identifier', ...range, name: 'DEFAULT', quoted: false };
      this.advance();
      names.push({ kind: 'path' as const, ...range, parts: [part] });
    } while (this.accept(','));
    return names;
  }

  private parseObjectType(): PrivilegeObjectType {
    const word = this.word;
    this.advance();
    switch (word) {
      case 'TABLE': return this.accept('FUNCTION') ? 'tableFunction' : 'table';
      case 'VIEW': return 'view';
      case 'CHANGE':
        this.expect('STREAM');
        return 'changeStream';
      case 'SEQUENCE': return 'sequence';
      case 'FUNCTION': return 'function';
      case 'SCHEMA': return 'schema';
      case 'MODEL': return 'model';
      default:
        this.at--;
        throw this.unexpected('target_type');
    }
  }

  private parsePluralType(): PrivilegeObjectType {
    const word = this.word;
    this.advance();
    switch (word) {
      case 'TABLES': return 'table';
      case 'VIEWS': return 'view';
      case 'CHANGE':
        this.expect('STREAMS');
        return 'changeStream';
      case 'SEQUENCES': return 'sequence';
      case 'FUNCTIONS': return 'function';
      case 'MODELS': return 'model';
      case 'TABLE':
        this.expect('FUNCTIONS');
        return 'tableFunction';
      default:
        this.at--;
        throw this.unexpected('target_type');
    }
  }
}
