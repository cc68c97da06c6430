"""The whole stack on one machine: registry, Notary server and signer, people who sign, and the proxy in front."""
