-- A delivery is looked for by its id alone, and this index has ids too: over a table that it took to be empty, PostgreSQL now and
-- then chose to walk through all of this one instead of looking into the key. A column that is only carried along cannot be
-- looked for.
DROP INDEX webhook_deliveries_latest;
CREATE INDEX webhook_deliveries_latest ON webhook_deliveries (webhook_id, created_at) INCLUDE (id);
