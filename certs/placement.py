"""Says what goes where: each client looks for an authority's certificate in a place of its own."""

from pathlib import Path

from certs.authority import Certificate


def placement(address: str, authority: Path, pair: Certificate) -> str:
    """Describe, as text for a terminal, where the files of a server at `address` (host or host:port) belong."""
    return f"""\
the server itself    {pair.certificate_file} and {pair.key_file} (keep the key private)
everybody else       {authority}, copied as follows:

docker               /etc/docker/certs.d/{address}/ca.crt
containerd           /etc/containerd/certs.d/{address}/hosts.toml:
                       server = "https://{address}"
                       [host."https://{address}"]
                         capabilities = ["pull", "resolve"]
                         ca = "{authority.absolute()}"
podman, skopeo       /etc/containers/certs.d/{address}/ca.crt
docker trust         ~/.docker/tls/{address}/ca.crt (if this is the Notary server)
notary               --tlscacert {authority}
"""
