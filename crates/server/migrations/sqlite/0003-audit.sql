-- What happened: who logged in, was refused, logged out, and what was changed.
--
-- Names stand as text, not by reference: who is deleted is still told of. Times are seconds since 1970, UTC. Ids grow
-- with time: the oldest rows have the lowest.

CREATE TABLE audit (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Of the first and of the last of those that the row counts: one, unless it tells of refusals.
    at              INTEGER NOT NULL,
    last_at         INTEGER NOT NULL,
    count           INTEGER NOT NULL CHECK (count > 0),
    event           TEXT    NOT NULL,
    cause           TEXT,
    -- Refusals can be caused by anybody; they are kept apart, so that no flood of them pushes the rest out.
    refused         INTEGER NOT NULL CHECK (refused IN (0, 1)),
    -- What a row of refusals counts together: those of the same bucket.
    bucket          BLOB    CHECK ((bucket IS NOT NULL) = refused),
    -- Whom it is about, as typed and as it is matched by. No username: the tenant. Neither: the system, or nobody.
    username        TEXT,
    username_key    TEXT,
    domain          TEXT,
    domain_key      TEXT,
    -- At whose request.
    source          TEXT    NOT NULL CHECK (source IN ('request', 'command', 'server')),
    address         TEXT,
    user_agent      TEXT,
    request_id      TEXT,
    detail          TEXT
) STRICT;

CREATE UNIQUE INDEX audit_by_bucket ON audit (bucket) WHERE bucket IS NOT NULL;
CREATE INDEX audit_by_refused ON audit (refused, id);
