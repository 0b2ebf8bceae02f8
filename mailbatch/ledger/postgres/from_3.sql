-- From version 3 of the schema to version 4: the functions are made anew behind this (`functions.sql`).
-- A lease is looked up by its delivery. This index had all leases of a worker in a row, the ended ones
-- too, and the database went through these for every message.
DROP INDEX lease_by_worker;
-- Points and outcomes are recorded by one function.
DROP FUNCTION pass_points(bigint, bigint[], bytea[]);
DROP FUNCTION settle(
  bigint, bigint[], bigint[], bigint[], text[], boolean[], bigint[], text[], double precision[],
  double precision[], bigint[], integer[], text[], text[], text[]);
-- What `server.cap` and `server.warmup` leave (schema.sql): nobody has counted yet.
CREATE TABLE allowance (
  id   boolean PRIMARY KEY DEFAULT true CHECK (id),
  free bigint
);
INSERT INTO allowance DEFAULT VALUES;
