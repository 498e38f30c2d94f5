-- A person lists the runs with their trades, and ends one: the number of closed trades is shown, and a wish has a table.
-- Reconciliation remembers the price that it last accepted of each symbol.
-- Apply by hand to the database `3t`, with Providence stopped:  mariadb -u root -p 3t < migrations/0002_runs_of_a_person.sql

SET time_zone = '+00:00';
SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE';

-- 0 in the rows that are there, until Providence publishes all of them again at its start.
ALTER TABLE runs ADD COLUMN closed_trades INT NOT NULL AFTER live_pnl;

-- What a person wants of a run (3t run end); Providence does it, and its retention takes the row away.
CREATE TABLE run_wishes (
  run_id   VARCHAR(36) NOT NULL,
  reason   VARCHAR(255) NOT NULL,
  asked_at DATETIME(6) NOT NULL,
  PRIMARY KEY (run_id),
  KEY run_wishes_asked (asked_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- NULL until the first price that the observers confirm.
ALTER TABLE symbol_states ADD COLUMN accepted_price DECIMAL(38, 18) NULL AFTER dust;

-- What each source said when a symbol was locked; a person's own lock, which expires; and who opened one last.
ALTER TABLE symbol_states
  ADD COLUMN lock_sources TEXT NULL AFTER accepted_price,
  ADD COLUMN manual_reason TEXT NULL AFTER lock_sources,
  ADD COLUMN manual_by VARCHAR(255) NULL AFTER manual_reason,
  ADD COLUMN manual_until DATETIME(6) NULL AFTER manual_by,
  ADD COLUMN unlocked TEXT NULL AFTER manual_until;

-- Set for a stop, which rests at the venue until the mark is there.
ALTER TABLE orders ADD COLUMN trigger_price DECIMAL(38, 18) NULL AFTER limit_price;

-- Orders of the last hour are counted before each new one.
ALTER TABLE orders ADD KEY orders_created (created_at);

INSERT INTO schema_migrations (version, name, applied_at) VALUES (2, '0002_runs_of_a_person', UTC_TIMESTAMP(6));
