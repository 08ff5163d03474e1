-- Tenants, their custom roles, users, sessions.
--
-- Names are stored twice: as typed, and as the key that they are matched by (ASCII lower case; domains normalized).
-- Times are seconds since 1970, UTC. Ids are never reused (AUTOINCREMENT), so that a recorded id keeps its meaning.

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
    -- Users reference it, so that a custom role belongs to the user's own tenant.
    UNIQUE (tenant_id, id),
    -- A custom role cannot have the name of a built-in role.
    CHECK (name_key NOT IN ('systemadmin', 'replicator', 'dealer', 'admin', 'standarduser',
                            'standardinternationaluser', 'queuemanager'))
) STRICT;

CREATE TABLE users (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    -- NULL: a system user.
    tenant_id       INTEGER REFERENCES tenants (id) ON DELETE CASCADE,
    username        TEXT    NOT NULL CHECK (length(username) BETWEEN 1 AND 64),
    username_key    TEXT    NOT NULL CHECK (username_key = lower(username)),
    built_in_role   TEXT,
    custom_role_id  INTEGER,
    password_hash   TEXT    NOT NULL,
    enabled         INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at      INTEGER NOT NULL,
    FOREIGN KEY (tenant_id, custom_role_id) REFERENCES roles (tenant_id, id),
    -- System users have system roles; tenant users have a built-in tenant role or a custom role.
    CHECK (CASE
        WHEN tenant_id IS NULL THEN
            custom_role_id IS NULL
            AND coalesce(built_in_role, '') IN ('SystemAdmin', 'Replicator', 'Dealer')
        WHEN custom_role_id IS NULL THEN
            coalesce(built_in_role, '')
                IN ('Admin', 'StandardUser', 'StandardInternationalUser', 'QueueManager')
        ELSE built_in_role IS NULL
    END),
    -- Reserved names are only for system administrators.
    CHECK (username_key NOT IN ('admin', 'system', 'administrator', 'root')
        OR coalesce(built_in_role, '') = 'SystemAdmin')
) STRICT;

-- A name is unique in its scope. 0 is the system, because no tenant has this id and NULLs are never equal.
CREATE UNIQUE INDEX users_by_name ON users (coalesce(tenant_id, 0), username_key);
CREATE INDEX users_by_role ON users (tenant_id, custom_role_id);
-- Used to determine whether there is a system administrator.
CREATE INDEX users_system_admins ON users (enabled) WHERE built_in_role = 'SystemAdmin';

CREATE TABLE sessions (
    -- Names the session in commands and audit entries; not a secret.
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    -- SHA-256 of the token.
    token_hash  BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL CHECK (expires_at > created_at)
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
