"""Says what goes where: each client looks for an authority's certificate in a place of its own."""

from collections.abc import Mapping
from pathlib import Path

from certs.authority import Certificate
from certs.stack import NOTARY_CLIENT, NOTARY_SERVER, NOTARY_SIGNER, PROXY, REGISTRY


def placement(address: str, authority: Path, pair: Certificate) -> str:
    """Describe, as text for a terminal, where the files of a server at `address` (host or host:port) belong."""
    return f"""\
the server itself    {pair.certificate_file} and {pair.key_file} (keep the key private)
everybody else       {authority}, copied as follows:

{_clients(address, authority)}\
docker trust         ~/.docker/tls/{address}/ca.crt (if this is the Notary server)
notary               --tlscacert {authority}
"""


def placement_of_stack(name: str, notary: str, authority: Path, made: Mapping[str, Certificate]) -> str:
    """Describe, as text for a terminal, where the files of an installation belong; `made` is by who shows them."""
    shown = {who: f"{pair.certificate_file}, {pair.key_file}" for who, pair in made.items()}
    return f"""\
proxy                listen.tls: {shown[PROXY]}
                     registry.ca_file, notaries.*.ca_file: {authority}
registry             http.tls: {shown[REGISTRY]}
notary-server        server: {shown[NOTARY_SERVER]}
                     trust_service: {shown[NOTARY_CLIENT]}, tls_ca_file {authority}
notary-signer        server: {shown[NOTARY_SIGNER]}, client_ca_file {authority}

whoever pulls or pushes, for {name}:
{_clients(name, authority)}
whoever signs, for {notary}:
docker trust         ~/.docker/tls/{notary}/ca.crt
notary               --tlscacert {authority}
"""


def _clients(address: str, authority: Path) -> str:
    return f"""\
docker               /etc/docker/certs.d/{address}/ca.crt
containerd           /etc/containerd/certs.d/{address}/hosts.toml:
                       server = "https://{address}"
                       [host."https://{address}"]
                         capabilities = ["pull", "resolve"]
                         ca = "{authority.absolute()}"
podman, skopeo       /etc/containers/certs.d/{address}/ca.crt
"""
