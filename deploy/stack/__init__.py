"""The real programs around the proxy, on one machine: each part of the stack can be started, used and stopped alone.

Daemons are context managers that take a directory of their own, listen on a free loopback port (or a socket
in that directory), answer when the `with` block begins and are gone when it ends:

- `registry.registry`            docker-registry, with optional password, TLS and forms of URLs
- `notary.notary`                notary-server alone: fast, in memory, with its own keys for timestamps
- `notary.notary_with_signer`    the same with notary-signer behind mutual TLS, as in production
- `docker_daemon.docker_daemon`  dockerd, with a containerd of its own
- `swarm.swarm`                  a swarm of one dockerd, which runs containers on a network of its own
- `containerd.containerd`        containerd, also with the calls of kubelet (`cri`)
- `proxy.proxy`                  the proxy itself, as `tagwarden serve`

Content and signatures: `images` builds and pushes images without any daemon, `people` are those who sign (each
with keys, passphrases and trust data of their own), `docker_trust` and `notary_client` are what they sign with,
`keys` reads key ids out of what they made. `clients` pull as users do, `pushers` push and pull.
"""
