"""Set-up, demo and the real programs around the proxy."""
