-- Rate limiting: login attempts that failed or are in flight.
--
-- An account is stored as a hash of its name (see `AccountKey`), so that a password in the wrong field is not stored; a
-- network as 4 bytes (an IPv4 address) or 8 bytes (an IPv6 /64). Times are milliseconds since 1970, UTC.

-- Attempts, for as long as they count in a sliding window.
CREATE TABLE attempts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account     BLOB    NOT NULL CHECK (length(account) = 16),
    network     BLOB    NOT NULL CHECK (length(network) IN (4, 8)),
    at          INTEGER NOT NULL,
    -- Whether the attempt is known to have failed. Until then it is in flight, and also counts.
    failed      INTEGER NOT NULL DEFAULT 0 CHECK (failed IN (0, 1))
) STRICT;

CREATE INDEX attempts_by_account ON attempts (account, at);
CREATE INDEX attempts_by_network ON attempts (network, at);
CREATE INDEX attempts_by_time ON attempts (at);

-- Consecutive failures of an account from a network. A streak ends with a success or expires.
CREATE TABLE streaks (
    account     BLOB    NOT NULL CHECK (length(account) = 16),
    network     BLOB    NOT NULL CHECK (length(network) IN (4, 8)),
    failures    INTEGER NOT NULL CHECK (failures > 0),
    last_at     INTEGER NOT NULL,
    PRIMARY KEY (account, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX streaks_by_time ON streaks (last_at);

-- The networks from which a user has logged in.
CREATE TABLE known_networks (
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network     BLOB    NOT NULL CHECK (length(network) IN (4, 8)),
    seen_at     INTEGER NOT NULL,
    PRIMARY KEY (user_id, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX known_networks_by_time ON known_networks (seen_at);
