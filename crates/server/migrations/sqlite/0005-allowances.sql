-- Rate limiting by IPv6 /56 and /48, by account and day, and the allowance of users on known networks.

-- A network of 8 bytes is an IPv6 /64; its first 7 and 6 bytes are its /56 and its /48.
CREATE INDEX attempts_by_56 ON attempts (substr(network, 1, 7), at) WHERE length(network) = 8;
CREATE INDEX attempts_by_48 ON attempts (substr(network, 1, 6), at) WHERE length(network) = 8;

-- Attempts on an account, from all networks, within a day that begins with the first of them.
CREATE TABLE account_days (
    account     BLOB    NOT NULL PRIMARY KEY CHECK (length(account) = 16),
    failures    INTEGER NOT NULL CHECK (failures > 0),
    since       INTEGER NOT NULL,
    last_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX account_days_by_time ON account_days (since);
-- If there are too many days, those with the fewest failures are deleted.
CREATE INDEX account_days_by_failures ON account_days (failures, since);

-- Attempts of a user from a known network that were verified in spite of a limit. They count towards nothing else.
CREATE TABLE allowance_attempts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network     BLOB    NOT NULL CHECK (length(network) IN (4, 8)),
    at          INTEGER NOT NULL
) STRICT;

CREATE INDEX allowance_attempts_by_user ON allowance_attempts (user_id, network, at);
CREATE INDEX allowance_attempts_by_time ON allowance_attempts (at);
