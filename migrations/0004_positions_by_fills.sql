-- By how much the position that is agreed on is another than the fills make it: the limits count with both until a person has looked.
-- Apply by hand to the database `3t`, with the reconcile worker stopped:  mariadb -u root -p 3t < migrations/0004_positions_by_fills.sql

SET time_zone = '+00:00';
SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE';

-- 0 in the rows that are there: what is agreed on now counts alone.
ALTER TABLE symbol_states ADD COLUMN astray_contracts DECIMAL(38, 18) NOT NULL AFTER unlocked;

INSERT INTO schema_migrations (version, name, applied_at) VALUES (4, '0004_positions_by_fills', UTC_TIMESTAMP(6));
