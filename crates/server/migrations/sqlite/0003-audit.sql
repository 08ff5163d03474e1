-- Audit log: logins, refused logins, logouts and changes.
--
-- Names are text and not references, so that entries about deleted users remain readable. Times are seconds since 1970,
-- UTC. The oldest rows have the lowest ids.

CREATE TABLE audit (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The times of the first and the last of the `count` events. Only refusals and revoked sessions are counted together.
    at              INTEGER NOT NULL,
    last_at         INTEGER NOT NULL,
    count           INTEGER NOT NULL CHECK (count > 0),
    event           TEXT    NOT NULL,
    cause           TEXT,
    -- Anyone can cause refusals. They are swept separately, so that a flood of them displaces no other entry.
    refused         INTEGER NOT NULL CHECK (refused IN (0, 1)),
    -- Refusals with the same bucket share a row.
    bucket          BLOB    CHECK ((bucket IS NOT NULL) = refused),
    -- The subject, as typed and as a key. Without a username, it is a tenant; without both, it is the system or
    -- missing.
    username        TEXT,
    username_key    TEXT,
    domain          TEXT,
    domain_key      TEXT,
    -- The origin of the event.
    source          TEXT    NOT NULL CHECK (source IN ('request', 'command', 'server')),
    address         TEXT,
    user_agent      TEXT,
    request_id      TEXT,
    detail          TEXT
) STRICT;

CREATE UNIQUE INDEX audit_by_bucket ON audit (bucket) WHERE bucket IS NOT NULL;
CREATE INDEX audit_by_refused ON audit (refused, id);
