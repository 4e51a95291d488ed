-- A shop: customers and their orders with order lines, which live beside each other (interleaved), and products.
-- Loaded by `npm start`; the rows are made by src/cli/sample/rows.ts.

CREATE TABLE Products (
  ProductId INT64 NOT NULL,
  Name STRING(100) NOT NULL,
  Category STRING(40) NOT NULL,
  Price NUMERIC NOT NULL,
  Discontinued BOOL NOT NULL,
) PRIMARY KEY (ProductId);

CREATE TABLE Customers (
  CustomerId INT64 NOT NULL,
  Name STRING(100) NOT NULL,
  Email STRING(200) NOT NULL,
  Country STRING(2) NOT NULL,
  Since DATE NOT NULL,
) PRIMARY KEY (CustomerId);

CREATE TABLE Orders (
  CustomerId INT64 NOT NULL,
  OrderId INT64 NOT NULL,
  OrderedAt TIMESTAMP NOT NULL,
  Status STRING(12) NOT NULL,
) PRIMARY KEY (CustomerId, OrderId),
  INTERLEAVE IN PARENT Customers ON DELETE CASCADE;

CREATE TABLE OrderLines (
  CustomerId INT64 NOT NULL,
  OrderId INT64 NOT NULL,
  LineNumber INT64 NOT NULL,
  ProductId INT64 NOT NULL,
  Quantity INT64 NOT NULL,
  UnitPrice NUMERIC NOT NULL,
) PRIMARY KEY (CustomerId, OrderId, LineNumber),
  INTERLEAVE IN PARENT Orders ON DELETE CASCADE;

CREATE UNIQUE INDEX CustomersByEmail ON Customers (Email);

CREATE INDEX OrdersByTime ON Orders (OrderedAt DESC);

CREATE INDEX OrderLinesByProduct ON OrderLines (ProductId) STORING (Quantity, UnitPrice);
