"""Everything that talks to the registry, and what is remembered of its indexes."""
