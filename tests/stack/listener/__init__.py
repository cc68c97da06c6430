"""The program's own listeners: TLS, client certificates, candidates, what is no HTTP, and how it stops."""
