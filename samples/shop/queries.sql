-- Rows of each table
SELECT 'Customers' AS TableName, COUNT(*) AS RowCount FROM Customers
UNION ALL SELECT 'Orders', COUNT(*) FROM Orders
UNION ALL SELECT 'OrderLines', COUNT(*) FROM OrderLines
UNION ALL SELECT 'Products', COUNT(*) FROM Products
ORDER BY TableName;

-- The products that sold best
SELECT p.Name, p.Category, SUM(l.Quantity) AS Sold, SUM(l.Quantity * l.UnitPrice) AS Revenue
FROM OrderLines AS l
JOIN Products AS p ON p.ProductId = l.ProductId
GROUP BY p.Name, p.Category
ORDER BY Revenue DESC
LIMIT 5;

-- One customer, found by the index on Email, with the latest orders
SELECT c.Name, c.Country, o.OrderId, o.OrderedAt, o.Status
FROM Customers AS c
JOIN Orders AS o ON o.CustomerId = c.CustomerId
WHERE c.Email = 'ada.berg.17@example.com'
ORDER BY o.OrderedAt DESC
LIMIT 5;

-- Orders by country
SELECT c.Country, COUNT(*) AS Orders, COUNT(DISTINCT c.CustomerId) AS Customers
FROM Customers AS c
JOIN Orders AS o ON o.CustomerId = c.CustomerId
GROUP BY c.Country
ORDER BY Orders DESC
LIMIT 5;
