/** Which cluster a command means: the address that was given, the one in the environment, or the cluster of the data folder. */
import { askSupervisor } from '../control.ts';
import { DEFAULT_DATA_DIR } from '../arguments.ts';
import { UserError } from '../output.ts';

export interface EndpointOptions {
  /** `--endpoint host:port` */
  readonly endpoint: string | undefined;
  readonly dataDir: string | undefined;
}

const EMULATOR_VARIABLE = 'SPANNER_EMULATOR_HOST';

/** `host:port` of the gRPC endpoint. */
export async function resolveEndpoint(options: EndpointOptions): Promise<string> {
  if (options.endpoint !== undefined) return options.endpoint;
  if (options.dataDir !== undefined) return (await askSupervisor(options.dataDir, { command: 'status' })).grpcAddress;
  const fromEnvironment = process.env[EMULATOR_VARIABLE];
  if (fromEnvironment !== undefined && fromEnvironment !== '') return fromEnvironment;
  try {
    return (await askSupervisor(DEFAULT_DATA_DIR, { command: 'status' })).grpcAddress;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`No cluster runs on ${DEFAULT_DATA_DIR} here. Start one with: trestle up\nor name one with --data-dir DIR, --endpoint HOST:PORT, or ${EMULATOR_VARIABLE}.`);
  }
}
