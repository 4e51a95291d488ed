/**
 * The subcommands of `trestle`, their options and help. What a command does is loaded when it runs, so that the help and
 * the small commands are quick.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import {
  dataDirOption,
  DEFAULT_DATA_DIR,
  DEFAULT_DATABASE,
  DEFAULT_INSTANCE,
  DEFAULT_PROJECT,
  FORMATS,
  parseDatabase,
  parseInstance,
  parseNodeCount,
  parseNodeId,
  parsePeerPort,
  parsePort,
  parseProject,
  type Format,
  parseDuration,
} from './arguments.ts';
import { MAX_CLOCK_UNCERTAINTY_MICROS, MAX_IDLE_TRANSACTION_MICROS, MIN_IDLE_TRANSACTION_MICROS } from './node-config.ts';
import { detachedFailed, detachedOutput, detachedReady, isDetached, runDetached } from './detach.ts';
import { cliEntry, nodeCommand, PROCESS_MARKS } from './node-command.ts';
import { DIALECTS, type Dialect } from '../import/dialect.ts';
import { errnoOf, messageOf, terminalOutput, UserError, type Output } from './output.ts';
import { LOG_LEVELS, type LogLevel } from './process-contract.ts';

interface NameOptions {
  readonly project?: string;
  readonly instance?: string;
  readonly database?: string;
}

interface UpFlags extends NameOptions {
  readonly nodes?: number;
  readonly port?: number;
  readonly httpPort?: number;
  readonly peerPort?: number;
  readonly dataDir: string;
  readonly inMemory: boolean;
  readonly detach: boolean;
  readonly init?: string;
  readonly logLevel: LogLevel;
  readonly clockUncertainty?: number;
  readonly idleTransactionTimeout?: number;
}

const nameOf = (options: NameOptions): { readonly project: string; readonly instance: string; readonly database: string } => ({
  project: options.project ?? DEFAULT_PROJECT,
  instance: options.instance ?? DEFAULT_INSTANCE,
  database: options.database ?? DEFAULT_DATABASE,
});

function withNames(command: Command): Command {
  return command
    .option('--project <id>', `project (default: ${DEFAULT_PROJECT})`, parseProject)
    .option('--instance <id>', `instance (default: ${DEFAULT_INSTANCE})`, parseInstance)
    .option('--database <id>', `database (default: ${DEFAULT_DATABASE})`, parseDatabase);
}

const withDataDir = (command: Command): Command => command.option('--data-dir <dir>', 'data folder of the cluster', DEFAULT_DATA_DIR);

const withEndpoint = (command: Command): Command =>
  command
    .option('--data-dir <dir>', `data folder of the cluster (default: SPANNER_EMULATOR_HOST if set, else the cluster in ${DEFAULT_DATA_DIR})`)
    .option('--endpoint <host:port>', 'gRPC address of the cluster, instead of a data folder');

/** Aborted by Ctrl-C, SIGTERM, and the closing of the terminal. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      controller.abort();
    });
  }
  return controller.signal;
}

export function createProgram(output: Output, setExitCode: (code: number) => void): Command {
  const program = new Command('trestle')
    .description('A Spanner-compatible distributed SQL database on your machine: real replicas in real processes.')
    .version(packageVersion())
    .showHelpAfterError('(--help shows what there is)')
    .configureOutput({ writeOut: (text) => { output.out(text.trimEnd()); }, writeErr: (text) => { output.err(text.trimEnd()); } })
    .exitOverride();
  addUp(program, output, setExitCode);
  addStatus(program, output);
  for (const [name, what] of NODE_COMMANDS) addNodeCommand(program, name, what, output);
  addStop(program, output);
  addSplit(program, output);
  addSql(program, output);
  addImport(program, output);
  addCodegen(program, output);
  addNode(program);
  return program;
}

function addUp(program: Command, output: Output, setExitCode: (code: number) => void): void {
  const command = program
    .command('up')
    .description('start a cluster, and stay with it until Ctrl-C or `trestle stop`')
    .option('--nodes <count>', 'server processes of a new cluster, each in a zone of its own (default: 3)', parseNodeCount)
    .option('--port <port>', 'gRPC port, 0 for any free one (default: 9010, or that of the last start)', parsePort)
    .option('--http-port <port>', 'HTTP port, 0 for any free one (default: 9020, or that of the last start)', parsePort)
    .option('--peer-port <port>', 'first of the ports for nodes to talk to each other (default: any free ones)', parsePeerPort)
    .option('--data-dir <dir>', 'where the data is, or is to be', DEFAULT_DATA_DIR)
    .option('--in-memory', 'keep no data on disk', false)
    .option('--detach', 'return when the cluster is ready, and leave it running', false)
    .option('--init <file.sql>', 'schema and rows for the database, on the first start')
    .option('--clock-uncertainty <duration>', 'declared bound of the clocks’ error, which commits wait out (default: 250us)', parseDuration(0, MAX_CLOCK_UNCERTAINTY_MICROS, 'of at most 50ms'))
    .option('--idle-transaction-timeout <duration>', 'unused for this long, a read-write transaction loses its locks (default: 10s)', parseDuration(MIN_IDLE_TRANSACTION_MICROS, MAX_IDLE_TRANSACTION_MICROS, 'from 100ms to 1440m'))
    .addOption(new Option('--log-level <level>', 'what the nodes write to their logs').choices(LOG_LEVELS).default('info'));
  withNames(command).addHelpText('after', '\n--init, --project, --instance and --database make that database when it is not there yet.\n\nExamples:\n  trestle up\n  trestle up --detach --init schema.sql --database music\n  trestle up --in-memory --nodes 1 --port 9110 --http-port 9120');
  command.action(async (flags: UpFlags) => {
    if (flags.detach && !isDetached()) await runDetached(process.execPath, [...process.execArgv, cliEntry(), ...process.argv.slice(2)], output);
    else setExitCode(await up(flags, isDetached() ? detachedOutput : output));
  });
}

async function up(flags: UpFlags, output: Output): Promise<number> {
  const { runUp, howToConnect } = await import('./commands/up.ts');
  const { foundationOf, readScript, scriptFilling } = await import('./commands/init.ts');
  const filling = flags.init === undefined ? undefined : scriptFilling(readScript(flags.init));
  const wantsDatabase = filling !== undefined || flags.project !== undefined || flags.instance !== undefined || flags.database !== undefined;
  const options = {
    dataDir: flags.dataDir,
    inMemory: flags.inMemory,
    nodes: flags.nodes,
    grpcPort: flags.port,
    httpPort: flags.httpPort,
    peerPort: flags.peerPort,
    logLevel: flags.logLevel,
    clockUncertaintyMicros: flags.clockUncertainty,
    idleTransactionMicros: flags.idleTransactionTimeout,
    foundation: wantsDatabase ? foundationOf(nameOf(flags), filling, flags.inMemory) : undefined,
  };
  return runUp(options, {
    output,
    command: nodeCommand(),
    marks: PROCESS_MARKS,
    signal: stopSignal(),
    onReady: (supervisor) => {
      output.out(howToConnect(supervisor.grpcAddress, dataDirOption(flags.dataDir)));
      if (isDetached()) detachedReady();
    },
  });
}

function addStatus(program: Command, output: Output): void {
  withDataDir(program.command('status').description('nodes and splits of the running cluster'))
    .option('--json', 'as JSON', false)
    .option('--watch', 'again every second', false)
    .action(async (flags: { readonly dataDir: string; readonly json: boolean; readonly watch: boolean }) => {
      const { runStatus } = await import('./commands/status.ts');
      await runStatus(flags, output, stopSignal());
    });
}

const NODE_COMMANDS = [
  ['kill', 'end a node at once (SIGKILL); it stays down until `start`'],
  ['pause', 'stop a node where it is (SIGSTOP), as if its machine hung'],
  ['resume', 'let a paused node go on'],
  ['start', 'bring a killed node back, with its data'],
] as const;

function addNodeCommand(program: Command, name: 'kill' | 'pause' | 'resume' | 'start', what: string, output: Output): void {
  const command = program.command(name).description(what).argument('<node>', 'number of the node, as in `trestle status`', parseNodeId);
  withDataDir(command).action(async (node: number, flags: { readonly dataDir: string }) => {
    const { runNodeCommand } = await import('./commands/control.ts');
    await runNodeCommand(name, node, flags.dataDir, output);
  });
}

function addStop(program: Command, output: Output): void {
  withDataDir(program.command('stop').description('stop the running cluster; its data stays')).action(async (flags: { readonly dataDir: string }) => {
    const { runStop } = await import('./commands/control.ts');
    await runStop(flags.dataDir, output);
  });
}

interface EndpointFlags extends NameOptions {
  readonly dataDir?: string;
  readonly endpoint?: string;
}

function addSplit(program: Command, output: Output): void {
  const command = program
    .command('split')
    .description('cut a table or an index into two splits at a key, while it is in use')
    .argument('<table-or-index>')
    .argument('<key...>', 'parts of the key, in order; fewer than the key has are a prefix');
  withEndpoint(withNames(command))
    .addHelpText('after', '\nExample:\n  trestle split --database music Albums 1000')
    .action(async (target: string, key: readonly string[], flags: EndpointFlags) => {
      const { runSplit } = await import('./commands/split.ts');
      await runSplit({ target, key, name: nameOf(flags), endpoint: flags.endpoint, dataDir: flags.dataDir }, output);
    });
}

function addSql(program: Command, output: Output): void {
  const command = program
    .command('sql')
    .description('a SQL prompt; or runs the statements of -e, or of standard input')
    .option('-e, --execute <sql>', 'run these statements and leave; may be given several times', (text: string, before: readonly string[]) => [...before, text], [] as readonly string[])
    .addOption(new Option('--format <format>', 'how rows are printed').choices(FORMATS).default('table'))
    .option('--create', 'make instance and database when they are not there', false);
  withEndpoint(withNames(command))
    .addHelpText('after', "\nExamples:\n  trestle sql --database music\n  trestle sql -e 'SELECT * FROM Singers' --format csv > singers.csv\n  trestle sql < changes.sql")
    .action(async (flags: EndpointFlags & { readonly execute: readonly string[]; readonly format: Format; readonly create: boolean }) => {
      const { runSql } = await import('./commands/sql.ts');
      const stop = process.stdin.isTTY && flags.execute.length === 0 ? new AbortController().signal : stopSignal();
      await runSql({ execute: flags.execute, format: flags.format, create: flags.create, name: nameOf(flags), endpoint: flags.endpoint, dataDir: flags.dataDir }, output, stop);
    });
}

interface ImportFlags extends EndpointFlags {
  readonly dialect: Dialect;
  readonly dryRun: boolean;
  readonly strict: boolean;
  readonly resume: boolean;
  readonly sourceDatabase?: string;
}

function addImport(program: Command, output: Output): void {
  const command = program
    .command('import')
    .description('tables and rows of a dump of MySQL, PostgreSQL or SQLite into a new database')
    .argument('<dump.sql>')
    .addOption(new Option('--dialect <dialect>', 'what made the dump').choices(DIALECTS).makeOptionMandatory())
    .option('--dry-run', 'print the schema that would be made, and what would be lost; write nothing', false)
    .option('--strict', 'fail when anything cannot be carried over', false)
    .option('--resume', 'go on with an import that broke off', false)
    .option('--source-database <name>', 'which database, where the dump holds several');
  withEndpoint(withNames(command))
    .addHelpText('after', '\nMake the dump with: pg_dump --no-owner, mariadb-dump --hex-blob, mysqldump --hex-blob, or sqlite3 FILE .dump\n\nExamples:\n  trestle import shop.sql --dialect postgresql --dry-run\n  trestle import shop.sql --dialect mysql --database shop')
    .action(async (path: string, flags: ImportFlags) => {
      const { runImport } = await import('./commands/import.ts');
      const { dialect, dryRun, strict, resume, sourceDatabase, endpoint, dataDir } = flags;
      await runImport({ path, dialect, dryRun, strict, resume, sourceDatabase, name: nameOf(flags), endpoint, dataDir }, output, stopSignal());
    });
}

function addCodegen(program: Command, output: Output): void {
  const command = program
    .command('codegen')
    .description("tables of a database as TypeScript, for the typed client's defineSchema")
    .option('--out <file.ts>', 'where to write it (default: standard output)');
  withEndpoint(withNames(command)).action(async (flags: EndpointFlags & { readonly out?: string }) => {
    const { runCodegen } = await import('./commands/codegen.ts');
    await runCodegen({ name: nameOf(flags), endpoint: flags.endpoint, dataDir: flags.dataDir, out: flags.out }, output);
  });
}

function addNode(program: Command): void {
  program
    .command('node')
    .description('one node of a cluster in this process, for containers')
    .option('--config <file.json>', 'its configuration (default: JSON in TRESTLE_NODE_CONFIG)')
    .action(async (flags: { readonly config?: string }) => {
      const { runNode } = await import('./commands/node.ts');
      await runNode(flags.config);
    });
}

function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : '';
}

/** Runs the command and resolves with its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  // The reader of a pipe may have had enough: `trestle sql … | head`.
  process.stdout.on('error', (error) => {
    process.exit(errnoOf(error) === 'EPIPE' ? 0 : 1);
  });
  const program = createProgram(terminalOutput, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has said it already.
    if (error instanceof CommanderError) return error.exitCode;
    const text = error instanceof UserError ? error.message : error instanceof Error ? (error.stack ?? messageOf(error)) : String(error);
    const code = error instanceof UserError ? error.exitCode : 1;
    if (isDetached()) detachedFailed(text, code);
    else terminalOutput.err(text);
    return code;
  }
}
