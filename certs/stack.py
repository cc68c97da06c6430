"""All certificates of one installation: the proxy, the registry behind it, and the Notary with its signer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from certs.authority import CLIENT, SERVER, Authority, Certificate

PROXY: Final = "proxy"
REGISTRY: Final = "registry"
NOTARY_SERVER: Final = "notary-server"
NOTARY_SIGNER: Final = "notary-signer"
NOTARY_CLIENT: Final = "notary-client"


def make_stack(directory: Path, name: str, notary: str) -> Mapping[str, Certificate]:
    """Make an authority and all certificates of an installation, and return these by who shows them.

    What is there already stays. Each server is known by its public name, by the name that it has among containers and
    pods, and on the loopback.

    Args:
        directory: Where they are, or will be.
        name: The registry's, as it stands in image names: host or host:port.
        notary: Where signers reach the Notary server: host or host:port.

    Raises:
        AlreadyThere: Of a certificate and its key only one is there.
        OtherName: A certificate is there that is for other public names; nothing was made.
        ValueError: One of the names cannot stand in a certificate.
    """
    authority = Authority.open(directory)
    names = {
        PROXY: (_host(name), "tagwarden"),
        REGISTRY: ("registry",),
        NOTARY_SERVER: (_host(notary), "notary-server"),
        NOTARY_SIGNER: ("notary-signer",),
    }
    for file in (PROXY, NOTARY_SERVER):
        if (pair := authority.files(file)).certificate_file.exists():
            pair.check_name(names[file][0])
    made = {file: authority.pair(file, *dict.fromkeys(known), usages=(SERVER,)) for file, known in names.items()}
    return {**made, NOTARY_CLIENT: authority.pair(NOTARY_CLIENT, usages=(CLIENT,))}


def _host(address: str) -> str:
    """Without a port, and an address of IPv6 without its brackets."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
