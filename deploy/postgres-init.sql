-- Creates the roles and the database of deploy/compose.yaml, as docs/postgresql.md describes ("Least privilege"). The
-- image of PostgreSQL executes this file with psql, once, in an empty volume. The passwords are the last fields of the
-- password files.
\set owner_password `cut -d: -f5 /run/secrets/pgpass_owner`
\set server_password `cut -d: -f5 /run/secrets/pgpass_server`
CREATE ROLE pbx_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE pbx_server LOGIN PASSWORD :'server_password';
CREATE DATABASE pbx OWNER pbx_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE pbx FROM PUBLIC;
GRANT CONNECT ON DATABASE pbx TO pbx_server;
\connect pbx
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO pbx_owner;
GRANT USAGE ON SCHEMA public TO pbx_server;
-- For all tables that migrations create.
ALTER DEFAULT PRIVILEGES FOR ROLE pbx_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO pbx_server;
