"""A development certificate authority, for trying things out on one machine; never for production."""
