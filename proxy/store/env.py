"""How alembic runs the revisions: on the connection, and in the transaction, that `proxy.store.schema` hands in."""

from alembic import context

from proxy.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
