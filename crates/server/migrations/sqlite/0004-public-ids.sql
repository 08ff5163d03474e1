-- Ids of users and tenants in the API: 16 bytes of a UUIDv7 (RFC 9562, section 5.7).
--
-- `ALTER TABLE` requires a constant default for a column that is not null. Every statement that inserts a row sets the
-- column, and the unique index refuses a second row with the default.

ALTER TABLE tenants ADD COLUMN public_id BLOB NOT NULL DEFAULT x'00000000000000000000000000000000'
    CHECK (length(public_id) = 16);
ALTER TABLE users ADD COLUMN public_id BLOB NOT NULL DEFAULT x'00000000000000000000000000000000'
    CHECK (length(public_id) = 16);

-- The id of an existing row: 48 bits of milliseconds, 4 bits of version, 12 random bits, 2 bits of variant, 62 random bits.
UPDATE tenants SET public_id = unhex(
    format('%012x', (created_at * 1000) & 0xFFFFFFFFFFFF)
    || '7' || substr(hex(randomblob(2)), 2)
    || format('%x', 8 + (random() & 3)) || substr(hex(randomblob(8)), 2));
UPDATE users SET public_id = unhex(
    format('%012x', (created_at * 1000) & 0xFFFFFFFFFFFF)
    || '7' || substr(hex(randomblob(2)), 2)
    || format('%x', 8 + (random() & 3)) || substr(hex(randomblob(8)), 2));

CREATE UNIQUE INDEX tenants_by_public_id ON tenants (public_id);
CREATE UNIQUE INDEX users_by_public_id ON users (public_id);
