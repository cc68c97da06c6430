#!/bin/sh
# Runs once, when the database is made: an account and the tables for Notary's server, and for its signer.
set -eu

account() {
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres \
    --set "account=$1" --set "password=$(cat "/run/secrets/notary-$1-database-password")" <<'SQL'
CREATE ROLE :"account" LOGIN PASSWORD :'password';
CREATE DATABASE :"account" OWNER :"account";
REVOKE ALL ON DATABASE :"account" FROM PUBLIC;
SQL
}

tables() {
  { echo "SET ROLE \"$1\";"; cat; } | psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname "$1"
}

account server
tables server <<'SQL'
CREATE TABLE tuf_files (
    id SERIAL PRIMARY KEY, created_at TIMESTAMP, updated_at TIMESTAMP, deleted_at TIMESTAMP,
    gun VARCHAR(255) NOT NULL, role VARCHAR(255) NOT NULL, version INTEGER NOT NULL,
    data BYTEA NOT NULL, sha256 CHAR(64), UNIQUE (gun, role, version)
);
CREATE INDEX tuf_files_sha256 ON tuf_files (sha256);
CREATE TABLE change_category (category VARCHAR(20) PRIMARY KEY);
INSERT INTO change_category VALUES ('update'), ('deletion');
CREATE TABLE changefeed (
    id SERIAL PRIMARY KEY, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    gun VARCHAR(255) NOT NULL, version INTEGER NOT NULL, sha256 CHAR(64),
    category VARCHAR(20) NOT NULL DEFAULT 'update' REFERENCES change_category (category)
);
CREATE INDEX changefeed_gun ON changefeed (gun);
SQL

account signer
tables signer <<'SQL'
CREATE TABLE private_keys (
    id SERIAL PRIMARY KEY, created_at TIMESTAMP, updated_at TIMESTAMP, deleted_at TIMESTAMP,
    key_id VARCHAR(255) NOT NULL UNIQUE, encryption_alg VARCHAR(255) NOT NULL, keywrap_alg VARCHAR(255) NOT NULL,
    algorithm VARCHAR(50) NOT NULL, passphrase_alias VARCHAR(50) NOT NULL,
    public BYTEA NOT NULL, private BYTEA NOT NULL,
    gun VARCHAR(255) NOT NULL, role VARCHAR(255) NOT NULL, last_used TIMESTAMP
);
SQL
