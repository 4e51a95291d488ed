/** The schema that the tests of the typed client use, and its statements. */
import { defineSchema } from '../../src/client/schema.ts';

export const MUSIC_DDL = [
  `CREATE TABLE Singers (SingerId INT64 NOT NULL, Name STRING(MAX), Score FLOAT64, Tags ARRAY<STRING(20)>, Fee NUMERIC, Since TIMESTAMP NOT NULL DEFAULT (CURRENT_TIMESTAMP()),
     Photo BYTES(MAX), Extra JSON, Initial STRING(1) AS (SUBSTR(Name, 1, 1)) STORED) PRIMARY KEY (SingerId)`,
  'CREATE TABLE Albums (SingerId INT64 NOT NULL, AlbumId INT64 NOT NULL, Title STRING(100) NOT NULL) PRIMARY KEY (SingerId, AlbumId), INTERLEAVE IN PARENT Singers ON DELETE CASCADE',
];

export const music = defineSchema({
  Singers: {
    key: ['SingerId'],
    columns: {
      SingerId: 'INT64 NOT NULL',
      Name: 'STRING',
      Score: 'FLOAT64',
      Tags: 'ARRAY<STRING>',
      Fee: 'NUMERIC',
      Since: 'TIMESTAMP NOT NULL DEFAULT',
      Photo: 'BYTES',
      Extra: 'JSON',
      Initial: 'STRING GENERATED',
    },
  },
  Albums: {
    key: ['SingerId', 'AlbumId'],
    columns: { SingerId: 'INT64 NOT NULL', AlbumId: 'INT64 NOT NULL', Title: 'STRING NOT NULL' },
  },
});
