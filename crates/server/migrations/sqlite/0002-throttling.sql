-- What holds guessers back: attempts to log in that did not succeed, or are being looked at.
--
-- An account stands here by a hash of its name (see `AccountKey`), so that what was typed into the wrong field is not
-- kept; a network by 4 bytes (an IPv4 address) or 8 (an IPv6 /64). Times are milliseconds since 1970, UTC.

-- Each attempt, for as long as it counts: a window slides over them.
CREATE TABLE attempts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account     BLOB    NOT NULL CHECK (length(account) = 16),
    network     BLOB    NOT NULL CHECK (length(network) IN (4, 8)),
    at          INTEGER NOT NULL,
    -- Whether it is known to have failed. Until then it is being looked at, and counts all the same.
    failed      INTEGER NOT NULL DEFAULT 0 CHECK (failed IN (0, 1))
) STRICT;

CREATE INDEX attempts_by_account ON attempts (account, at);
CREATE INDEX attempts_by_network ON attempts (network, at);
CREATE INDEX attempts_by_time ON attempts (at);

-- How many in a row, for an account from a network: ends with a success, or when it is quiet for long enough.
CREATE TABLE streaks (
    account     BLOB    NOT NULL CHECK (length(account) = 16),
    network     BLOB    NOT NULL CHECK (length(network) IN (4, 8)),
    failures    INTEGER NOT NULL CHECK (failures > 0),
    last_at     INTEGER NOT NULL,
    PRIMARY KEY (account, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX streaks_by_time ON streaks (last_at);

-- Where a user has logged in from.
CREATE TABLE known_networks (
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network     BLOB    NOT NULL CHECK (length(network) IN (4, 8)),
    seen_at     INTEGER NOT NULL,
    PRIMARY KEY (user_id, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX known_networks_by_time ON known_networks (seen_at);
