"""Who must have signed what, and the capabilities that only a decision can make. Pure."""
