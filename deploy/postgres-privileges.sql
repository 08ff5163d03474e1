-- Limits the run-time role of deploy/compose.yaml after a migration, as docs/postgresql.md describes ("Least
-- privilege"): it cannot change the content of audit entries or the version of the schema.
REVOKE INSERT, UPDATE, DELETE ON schema_version FROM pbx_server;
REVOKE UPDATE ON audit FROM pbx_server;
GRANT UPDATE (count, last_at) ON audit TO pbx_server;
