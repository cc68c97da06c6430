"""What the proxy costs, measured against the real registry in the same run."""
