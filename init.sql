-- Builds the database of 3T on a fresh server, in its newest form, with its seed rows. docs/database.md explains the tables.
-- An existing database is changed by migrations/ instead: this file stops at the first table that is there already.
-- utf8mb4_bin compares exactly: a symbol in other case is another symbol. All times are UTC.

CREATE DATABASE IF NOT EXISTS `3t` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
USE `3t`;
SET time_zone = '+00:00';
SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE';

-- The venues. 3T trades on number 1.
CREATE TABLE exchanges (
  id   INT NOT NULL AUTO_INCREMENT,
  name VARCHAR(64) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY exchanges_name (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What is traded: BTC, ETH, ...
CREATE TABLE instruments (
  id   INT NOT NULL AUTO_INCREMENT,
  name VARCHAR(64) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY instruments_name (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The only place that says which symbols exist; config.yml says how they trade.
CREATE TABLE products (
  id            INT NOT NULL AUTO_INCREMENT,
  instrument_id INT NOT NULL,
  exchange_id   INT NOT NULL,
  symbol        VARCHAR(64) NOT NULL,
  product_type  VARCHAR(16) NOT NULL,
  max_leverage  INT NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY products_symbol (exchange_id, symbol),
  KEY products_instrument (instrument_id),
  CONSTRAINT products_instrument FOREIGN KEY (instrument_id) REFERENCES instruments (id),
  CONSTRAINT products_exchange FOREIGN KEY (exchange_id) REFERENCES exchanges (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The account's money, one row for each update_balance.
CREATE TABLE balance_history (
  id            BIGINT NOT NULL AUTO_INCREMENT,
  account       VARCHAR(64) NOT NULL,
  account_value DECIMAL(38, 18) NOT NULL,
  withdrawable  DECIMAL(38, 18) NOT NULL,
  margin_used   DECIMAL(38, 18) NOT NULL,
  exchange_time DATETIME(6) NOT NULL,
  observed_at   DATETIME(6) NOT NULL,
  PRIMARY KEY (id),
  KEY balance_history_observed (observed_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- A position is only read inside a complete snapshot: a symbol without a row in positions is flat only there.
CREATE TABLE position_snapshots (
  id            BIGINT NOT NULL AUTO_INCREMENT,
  account       VARCHAR(64) NOT NULL,
  balance_id    BIGINT NOT NULL,
  exchange_time DATETIME(6) NOT NULL,
  observed_at   DATETIME(6) NOT NULL,
  complete      BOOLEAN NOT NULL,
  PRIMARY KEY (id),
  KEY position_snapshots_balance (balance_id),
  KEY position_snapshots_latest (account, complete, id),
  KEY position_snapshots_observed (observed_at),
  CONSTRAINT position_snapshots_balance FOREIGN KEY (balance_id) REFERENCES balance_history (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- contracts > 0 is long, < 0 short.
CREATE TABLE positions (
  snapshot_id BIGINT NOT NULL,
  symbol      VARCHAR(64) NOT NULL,
  contracts   DECIMAL(38, 18) NOT NULL,
  entry_price DECIMAL(38, 18) NULL,
  PRIMARY KEY (snapshot_id, symbol),
  CONSTRAINT positions_snapshot FOREIGN KEY (snapshot_id) REFERENCES position_snapshots (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Providence's projection of its snapshot files; market time, but updated_at is wall time. Virtual money is DOUBLE.
CREATE TABLE runs (
  id                 VARCHAR(36) NOT NULL,
  shard              INT NOT NULL,
  strategy           VARCHAR(64) NOT NULL,
  symbol             VARCHAR(64) NOT NULL,
  parameters         LONGTEXT NOT NULL,
  position_direction SMALLINT NOT NULL,
  live_pnl           DOUBLE NOT NULL,
  closed_trades      INT NOT NULL,
  votes              BOOLEAN NOT NULL,
  start_balance      DOUBLE NOT NULL,
  status             VARCHAR(16) NOT NULL,
  exit_reason        VARCHAR(255) NULL,
  started_at         DATETIME(6) NOT NULL,
  ended_at           DATETIME(6) NULL,
  updated_at         DATETIME(6) NOT NULL,
  PRIMARY KEY (id),
  KEY runs_shard (shard, status),
  KEY runs_updated (status, updated_at),
  KEY runs_votes (status, symbol, shard, votes, position_direction)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What a person wants of a run (3t run end); Providence does it, and its retention takes the row away.
CREATE TABLE run_wishes (
  run_id   VARCHAR(36) NOT NULL,
  reason   VARCHAR(255) NOT NULL,
  asked_at DATETIME(6) NOT NULL,
  PRIMARY KEY (run_id),
  KEY run_wishes_asked (asked_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- One heartbeat for each shard; without fresh ones from exactly the configured shards the votes are unknown. by_symbol has the sums of the
-- votes, committed with the rows of runs that they sum up.
CREATE TABLE providence_shards (
  shard       INT NOT NULL,
  shards      INT NOT NULL,
  beat_at     DATETIME(6) NOT NULL,
  market_time DATETIME(6) NULL,
  seed        BIGINT NOT NULL,
  by_symbol   LONGTEXT NOT NULL,
  PRIMARY KEY (shard)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Every order of ours: the intent is committed before it is sent, the outcome after. The client order id is unique (I4).
CREATE TABLE orders (
  id                BIGINT NOT NULL AUTO_INCREMENT,
  client_order_id   VARCHAR(64) NOT NULL,
  cycle_id          BIGINT NOT NULL,
  symbol            VARCHAR(64) NOT NULL,
  side              VARCHAR(4) NOT NULL,
  contracts         DECIMAL(38, 18) NOT NULL,
  limit_price       DECIMAL(38, 18) NOT NULL,
  trigger_price     DECIMAL(38, 18) NULL,
  reduce_only       BOOLEAN NOT NULL,
  state             VARCHAR(16) NOT NULL,
  expires_at        DATETIME(6) NOT NULL,
  created_at        DATETIME(6) NOT NULL,
  reason            TEXT NOT NULL,
  exchange_order_id VARCHAR(64) NULL,
  filled_contracts  DECIMAL(38, 18) NOT NULL,
  average_price     DECIMAL(38, 18) NULL,
  text              TEXT NOT NULL,
  settled_at        DATETIME(6) NULL,
  PRIMARY KEY (id),
  UNIQUE KEY orders_client_order_id (client_order_id),
  KEY orders_cycle (cycle_id),
  KEY orders_exchange_order_id (exchange_order_id),
  KEY orders_created (created_at),
  KEY orders_settled (symbol, settled_at),
  KEY orders_state (state, settled_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Executions as the venue tells them, each once.
CREATE TABLE fills (
  fill_id           VARCHAR(64) NOT NULL,
  exchange_order_id VARCHAR(64) NOT NULL,
  client_order_id   VARCHAR(64) NULL,
  symbol            VARCHAR(64) NOT NULL,
  side              VARCHAR(4) NOT NULL,
  contracts         DECIMAL(38, 18) NOT NULL,
  price             DECIMAL(38, 18) NOT NULL,
  fee               DECIMAL(38, 18) NOT NULL,
  closed_pnl        DECIMAL(38, 18) NOT NULL,
  exchange_time     DATETIME(6) NOT NULL,
  is_liquidation    BOOLEAN NOT NULL,
  observed_at       DATETIME(6) NOT NULL,
  PRIMARY KEY (fill_id),
  KEY fills_order (client_order_id),
  KEY fills_symbol (symbol, exchange_time),
  KEY fills_time (exchange_time)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What each cycle knew, wanted and did; cycle_id is the lease's token.
CREATE TABLE decisions (
  cycle_id          BIGINT NOT NULL,
  at                DATETIME(6) NOT NULL,
  status            VARCHAR(32) NOT NULL,
  reason            TEXT NOT NULL,
  inputs            LONGTEXT NOT NULL,
  inputs_hash       VARCHAR(64) NOT NULL,
  targets           LONGTEXT NOT NULL,
  plan              LONGTEXT NOT NULL,
  consensus_symbols INT NOT NULL,
  PRIMARY KEY (cycle_id),
  KEY decisions_at (at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Who may run the cycle, by this server's clock; token only rises.
CREATE TABLE leases (
  name        VARCHAR(64) NOT NULL,
  holder      VARCHAR(255) NOT NULL,
  token       BIGINT NOT NULL,
  acquired_at DATETIME(6) NOT NULL,
  expires_at  DATETIME(6) NOT NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- epoch, halt, flatten, adopted_account, fills_watermark.
CREATE TABLE platform_state (
  name  VARCHAR(64) NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What the engine remembers of a symbol between cycles.
CREATE TABLE symbol_states (
  symbol           VARCHAR(64) NOT NULL,
  agreed_contracts DECIMAL(38, 18) NULL,
  agreed_at        DATETIME(6) NULL,
  lock_reason      TEXT NULL,
  locked_at        DATETIME(6) NULL,
  agreeing_rounds  INT NOT NULL,
  needs_person     BOOLEAN NOT NULL,
  hold_since       DATETIME(6) NULL,
  dust             BOOLEAN NOT NULL,
  accepted_price   DECIMAL(38, 18) NULL,
  lock_sources     TEXT NULL,
  manual_reason    TEXT NULL,
  manual_by        VARCHAR(255) NULL,
  manual_until     DATETIME(6) NULL,
  unlocked         TEXT NULL,
  astray_contracts DECIMAL(38, 18) NOT NULL,
  PRIMARY KEY (symbol)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The highest report seen of each observer's key.
CREATE TABLE observer_sequences (
  public_key VARCHAR(64) NOT NULL,
  sequence   BIGINT NOT NULL,
  PRIMARY KEY (public_key)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What each service says of itself: different configs do not trade together.
CREATE TABLE services (
  name             VARCHAR(128) NOT NULL,
  config_hash      VARCHAR(64) NOT NULL,
  contract_version INT NOT NULL,
  build_id         VARCHAR(128) NOT NULL,
  seen_at          DATETIME(6) NOT NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Which migrations this database has had.
CREATE TABLE schema_migrations (
  version    INT NOT NULL,
  name       VARCHAR(128) NOT NULL,
  applied_at DATETIME(6) NOT NULL,
  PRIMARY KEY (version)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

INSERT INTO exchanges (id, name) VALUES (1, 'hyperliquid');

INSERT INTO instruments (id, name) VALUES (1, 'BTC'), (2, 'ETH'), (3, 'SOL'), (4, 'DOGE');

INSERT INTO products (instrument_id, exchange_id, symbol, product_type, max_leverage) VALUES
  (1, 1, 'BTC/USDC:USDC', 'PERP', 40),
  (2, 1, 'ETH/USDC:USDC', 'PERP', 25),
  (3, 1, 'SOL/USDC:USDC', 'PERP', 20),
  (4, 1, 'DOGE/USDC:USDC', 'PERP', 10);

-- The epoch is part of every client order id: a database made anew, or restored, never repeats an id.
INSERT INTO platform_state (name, value) VALUES ('epoch', UUID());

INSERT INTO schema_migrations (version, name, applied_at) VALUES
  (1, '0001_first_release', UTC_TIMESTAMP(6)),
  (2, '0002_runs_of_a_person', UTC_TIMESTAMP(6)),
  (3, '0003_votes_by_index', UTC_TIMESTAMP(6)),
  (4, '0004_positions_by_fills', UTC_TIMESTAMP(6));
