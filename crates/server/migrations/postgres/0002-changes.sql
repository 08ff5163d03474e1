-- Changes of sessions, which every server polls in order to invalidate its cache.
--
-- A row has the id of the transaction that wrote it, because ids from a sequence can become visible in another order than
-- they were assigned. Triggers write the rows, so that every change is reported, even one that an administrator makes.

CREATE TABLE changes (
    xid         xid8        NOT NULL DEFAULT pg_current_xact_id(),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The session that ended or changed; NULL means any session.
    token_hash  bytea       CHECK (length(token_hash) = 32)
);

CREATE INDEX changes_by_xid ON changes (xid);
CREATE INDEX changes_by_time ON changes (at);

-- The latest transaction whose changes were deleted. A server whose position is not later invalidates everything.
CREATE TABLE changes_deleted (
    id          boolean PRIMARY KEY DEFAULT true CHECK (id),
    up_to       xid8    NOT NULL
);

INSERT INTO changes_deleted (up_to) VALUES ('0');

-- Omits sessions that expired a day ago: servers check the expiry of a cached session, and no clock is wrong by a day.
CREATE FUNCTION report_changed_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM changed LIMIT 10001) AS first) > 10000 THEN
        INSERT INTO changes (token_hash) VALUES (NULL);
    ELSE
        INSERT INTO changes (token_hash)
            SELECT token_hash FROM changed WHERE expires_at > extract(epoch FROM now()) - 86400;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION report_sessions_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (token_hash) SELECT token_hash FROM sessions WHERE user_id = NEW.id;
    RETURN NULL;
END $$;

CREATE FUNCTION report_any_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (token_hash) VALUES (NULL);
    RETURN NULL;
END $$;

CREATE TRIGGER sessions_deleted AFTER DELETE ON sessions
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION report_changed_sessions();
CREATE TRIGGER sessions_updated AFTER UPDATE ON sessions
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION report_changed_sessions();
CREATE TRIGGER sessions_truncated AFTER TRUNCATE ON sessions
    FOR EACH STATEMENT EXECUTE FUNCTION report_any_session();
CREATE TRIGGER user_updated AFTER UPDATE OF enabled, built_in_role, custom_role_id ON users
    FOR EACH ROW EXECUTE FUNCTION report_sessions_of_user();
CREATE TRIGGER tenants_updated AFTER UPDATE OF enabled ON tenants
    FOR EACH STATEMENT EXECUTE FUNCTION report_any_session();
CREATE TRIGGER roles_updated AFTER UPDATE OF name ON roles
    FOR EACH STATEMENT EXECUTE FUNCTION report_any_session();
