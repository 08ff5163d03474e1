-- Tenants, their custom roles, users, sessions.
--
-- Names stand twice: as they were typed, and as the key they are matched by (ASCII lower case; domains normalised).
-- Times are seconds since 1970, UTC. Identifiers are never used again (AUTOINCREMENT), so that one that was noted down
-- cannot come to mean something else.

CREATE TABLE tenants (
    id          INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
    domain      TEXT    NOT NULL CHECK (length(domain) BETWEEN 1 AND 280),
    domain_key  TEXT    NOT NULL UNIQUE,
    enabled     INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE roles (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id   INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    name_key    TEXT    NOT NULL CHECK (name_key = lower(name)),
    created_at  INTEGER NOT NULL,
    UNIQUE (tenant_id, name_key),
    -- What a user's custom role refers to, so that it is one of the user's own tenant.
    UNIQUE (tenant_id, id),
    -- A custom role does not take a built-in role's name.
    CHECK (name_key NOT IN ('systemadmin', 'replicator', 'dealer', 'admin', 'standarduser',
                            'standardinternationaluser', 'queuemanager'))
) STRICT;

CREATE TABLE users (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    -- None: a user of the system.
    tenant_id       INTEGER REFERENCES tenants (id) ON DELETE CASCADE,
    username        TEXT    NOT NULL CHECK (length(username) BETWEEN 1 AND 64),
    username_key    TEXT    NOT NULL CHECK (username_key = lower(username)),
    built_in_role   TEXT,
    custom_role_id  INTEGER,
    password_hash   TEXT    NOT NULL,
    enabled         INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at      INTEGER NOT NULL,
    FOREIGN KEY (tenant_id, custom_role_id) REFERENCES roles (tenant_id, id),
    -- System users hold system roles; tenant users hold a built-in tenant role or a custom one.
    CHECK (CASE
        WHEN tenant_id IS NULL THEN
            custom_role_id IS NULL
            AND coalesce(built_in_role, '') IN ('SystemAdmin', 'Replicator', 'Dealer')
        WHEN custom_role_id IS NULL THEN
            coalesce(built_in_role, '')
                IN ('Admin', 'StandardUser', 'StandardInternationalUser', 'QueueManager')
        ELSE built_in_role IS NULL
    END),
    -- Reserved names belong to system administrators alone.
    CHECK (username_key NOT IN ('admin', 'system', 'administrator', 'root')
        OR coalesce(built_in_role, '') = 'SystemAdmin')
) STRICT;

-- Once in each scope. No tenant has the id 0: it stands for the system, since NULLs are never equal.
CREATE UNIQUE INDEX users_by_name ON users (coalesce(tenant_id, 0), username_key);
CREATE INDEX users_by_role ON users (tenant_id, custom_role_id);
-- Is there an administrator?
CREATE INDEX users_system_admins ON users (enabled) WHERE built_in_role = 'SystemAdmin';

CREATE TABLE sessions (
    -- What people name the session by; no secret.
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    -- SHA-256 of the token.
    token_hash  BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL CHECK (expires_at > created_at)
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
