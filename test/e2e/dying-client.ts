/** A client that locks a row in a transaction, says so, and waits to be killed: node dying-client.ts ADDRESS INSTANCE DATABASE. */
import { CLIENT_9 } from './clients.ts';

const [address = '', instance = '', database = ''] = process.argv.slice(2);
const spanner = CLIENT_9.connect(address);
await spanner
  .instance(instance)
  .database(database)
  .runTransactionAsync(async (transaction) => {
    await transaction.runUpdate("UPDATE Hot SET Value = -1 WHERE Id = 'abandoned'");
    process.stdout.write('locked\n');
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  });
