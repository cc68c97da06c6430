"""What is written and said wherever a listener has a certificate."""

TLS = "certificate_file: proxy.crt, key_file: proxy.key"
REQUIRED = "this key is required; add it"
