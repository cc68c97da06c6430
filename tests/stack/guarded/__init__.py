"""Who may read is the registry's to say: real servers with passwords and tokens, before and behind the proxy."""
