"""The trust store on a real server of PostgreSQL."""
