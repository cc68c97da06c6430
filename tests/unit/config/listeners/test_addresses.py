"""Each listener has an address of its own."""

import pytest

from tests.unit.config.listeners.material import TLS
from tests.unit.config.site import Site, compose


@pytest.mark.parametrize(
    ("listen", "candidates", "probes", "lines"),
    [
        pytest.param(
            "127.0.0.1:80", "127.0.0.1:81", "127.0.0.1:80", ["probes.address: clients"], id="clients-and-probes"
        ),
        pytest.param(
            "127.0.0.1:80", "127.0.0.1:80", "127.0.0.1:81", ["candidates.address: clients"], id="clients-and-candidates"
        ),
        pytest.param(
            "127.0.0.1:80", "127.0.0.1:81", "127.0.0.1:81", ["probes.address: candidates"], id="candidates-and-probes"
        ),
        pytest.param(
            "127.0.0.1:80",
            "127.0.0.1:80",
            "127.0.0.1:80",
            ["candidates.address: clients", "probes.address: clients", "probes.address: candidates"],
            id="all-three",
        ),
        pytest.param(
            "0.0.0.0:80", "127.0.0.1:80", "127.0.0.1:81", ["candidates.address: clients"], id="one-of-every-interface"
        ),
        pytest.param(
            "127.0.0.1:80", "0.0.0.0:80", "127.0.0.1:81", ["candidates.address: clients"], id="every-interface-of-one"
        ),
        pytest.param("127.0.0.1:80", "[::]:81", "[::1]:81", ["probes.address: candidates"], id="one-of-every-ipv6"),
        pytest.param("0.0.0.0:80", "localhost:80", "[::1]:80", ["candidates.address: clients"], id="name"),
        pytest.param("LocalHost:80", "localhost:80", "[::1]:80", ["candidates.address: clients"], id="capital-letters"),
        pytest.param("0.0.0.0:80", "[::]:80", "127.0.0.1:81", [], id="two-families"),
        pytest.param("0.0.0.0:80", "[::1]:80", "127.0.0.1:81", [], id="other-family"),
        pytest.param("127.0.0.1:80", "127.0.0.2:80", "127.0.0.3:80", [], id="other-addresses"),
        pytest.param("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", [], id="any-free-port"),
    ],
)
def test_each_listener_needs_an_address_of_its_own(
    equipped: Site, listen: str, candidates: str, probes: str, lines: list[str]
) -> None:
    """The same address twice could not be listened on, and an address of every interface takes in the others."""
    text = compose(
        listen=f"{{address: '{listen}', tls: {{{TLS}}}}}",
        candidates=f"{{address: '{candidates}', tls: {{client_ca_file: ci-ca.crt}}}}",
        probes=f"{{address: '{probes}'}}",
    )
    numbers = {"candidates": 2, "probes": 3}
    wanted = [
        f"{numbers[line.partition('.')[0]]}: {line} are served on this address; choose another port" for line in lines
    ]
    assert equipped.problems(text) == wanted


def test_the_default_address_can_be_taken_as_well(equipped: Site) -> None:
    """What is not written has an address, too."""
    text = compose(candidates=f"{{address: '127.0.0.1:5000', tls: {{client_ca_file: ci-ca.crt, {TLS}}}}}")
    assert equipped.problems(text) == ["1: candidates.address: clients are served on this address; choose another port"]
