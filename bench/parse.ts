/**
 * How long the parser takes: `node bench/parse.ts`. Warm loop in one process; the best and the median of seven rounds,
 * in processor time, which other programs disturb least.
 * The statements stand for a point read, an analytical query, and a batch insert of 100 rows with literals.
 */
import { parseDdl, parseStatement } from '../src/sql/parse/parse.ts';

const insert = `INSERT INTO Singers (SingerId, FirstName, LastName, Score, Active) VALUES ${Array.from({ length: 100 }, (_, i) => `(${i}, 'First${i}', 'Last${i}', ${i}.5, TRUE)`).join(', ')}`;

const CASES: readonly { readonly name: string; readonly run: () => unknown; readonly iterations: number }[] = [
  { name: 'point SELECT', iterations: 20_000, run: () => parseStatement('SELECT SingerId, FirstName, LastName FROM Singers WHERE SingerId = @id') },
  {
    name: 'join with aggregation', iterations: 5_000,
    run: () => parseStatement(`SELECT s.LastName, COUNT(*) AS n, SUM(t.Price * t.Quantity) AS total
      FROM Singers AS s JOIN Albums@{FORCE_INDEX=ByTitle} AS a ON s.SingerId = a.SingerId LEFT JOIN Tickets t USING (AlbumId)
      WHERE a.Title LIKE 'A%' AND t.Sold BETWEEN @from AND @to AND s.Country IN ('CH', 'DE', 'FR')
      GROUP BY s.LastName HAVING COUNT(*) > 10 ORDER BY total DESC LIMIT 100`),
  },
  { name: 'INSERT of 100 rows', iterations: 500, run: () => parseStatement(insert) },
  {
    name: 'CREATE TABLE', iterations: 5_000,
    run: () => parseDdl("CREATE TABLE Albums (SingerId INT64 NOT NULL, AlbumId INT64 NOT NULL, Title STRING(MAX) DEFAULT ('none'), Total NUMERIC AS (Price * 2) STORED) PRIMARY KEY (SingerId, AlbumId), INTERLEAVE IN PARENT Singers ON DELETE CASCADE"),
  },
];

function microsPerRun(run: () => unknown, iterations: number): number {
  const start = process.cpuUsage();
  for (let i = 0; i < iterations; i++) run();
  const used = process.cpuUsage(start);
  return (used.user + used.system) / iterations;
}

for (const { name, run, iterations } of CASES) {
  microsPerRun(run, iterations);
  const rounds = Array.from({ length: 7 }, () => microsPerRun(run, iterations)).sort((a, b) => a - b);
  process.stdout.write(`${name.padEnd(24)} best ${(rounds[0] ?? 0).toFixed(2)} µs, median ${(rounds[3] ?? 0).toFixed(2)} µs\n`);
}
