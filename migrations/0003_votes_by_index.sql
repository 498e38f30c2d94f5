-- The votes of all symbols are read from an index alone.
-- Apply by hand to the database `3t`, with Providence stopped:  mariadb -u root -p 3t < migrations/0003_votes_by_index.sql

SET time_zone = '+00:00';
SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE';

ALTER TABLE runs
  DROP KEY runs_votes,
  ADD KEY runs_votes (status, symbol, shard, votes, position_direction);

INSERT INTO schema_migrations (version, name, applied_at) VALUES (3, '0003_votes_by_index', UTC_TIMESTAMP(6));
