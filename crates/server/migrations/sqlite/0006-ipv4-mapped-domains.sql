-- An IPv4-mapped IPv6 address, such as ::ffff:192.0.2.7, is the same domain as the IPv4 address.
--
-- Earlier versions stored the mapped address in this form. If both tenants exist, the unique index makes the migration
-- fail. Counted failures keep their keys, which are hashes, and expire.

UPDATE tenants SET domain_key = substr(domain_key, 8) WHERE domain_key GLOB '::ffff:*.*.*.*';
UPDATE audit SET domain_key = substr(domain_key, 8) WHERE domain_key GLOB '::ffff:*.*.*.*';
