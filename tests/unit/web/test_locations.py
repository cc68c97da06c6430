"""Addresses in the registry's answers, whatever the registry writes into them."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from proxy.errors import RegistryUnreachable
from proxy.web.locations import localise, own_origins

OWN: Final = own_origins("http://127.0.0.1:5001", "registry.example.com")
PIECES: Final = st.sampled_from(
    [
        *(
            "http://",
            "https://",
            "HTTP://",
            "ftp:",
            "//",
            "/",
            "\\",
            "@",
            ":",
            ":80",
            ":443",
            "?",
            "#",
            "%2f",
            " ",
            ".",
        ),
        *("127.0.0.1:5001", "registry.example.com", "evil.example.com", "v2", "\udc80", "\x00", "é"),
    ]
)
ADDRESSES: Final = st.one_of(st.text(), st.lists(PIECES, max_size=8).map("".join))


def local(address: str, *, foreign: bool) -> str | None:
    """What becomes of an address; None where the answer is refused."""
    headers = CIMultiDict({"Location": address})
    try:
        localise(headers, OWN, foreign=foreign)
    except RegistryUnreachable:
        return None
    return headers["Location"]


@given(ADDRESSES)
def test_no_writer_is_ever_sent_elsewhere(address: str) -> None:
    """An address that passes is a path on the proxy, which nobody could read as another host."""
    path = local(address, foreign=False)
    assert path is None or (path.startswith("/") and not path.startswith("//") and "\\" not in path)


@given(ADDRESSES)
def test_an_address_elsewhere_is_whole_or_refused(address: str) -> None:
    """Where an address elsewhere may pass it passes byte for byte, and only over HTTP."""
    path = local(address, foreign=True)
    if path is not None and not path.startswith("/"):
        assert path == address
        assert path.lower().startswith(("http://", "https://"))


def test_default_ports_are_the_same_origin() -> None:
    """A registry may write its port out."""
    own = own_origins("https://registry.example.com", None)
    headers = CIMultiDict({"Location": "HTTPS://Registry.Example.com:443/v2/x?_state=A%3D"})
    localise(headers, own, foreign=False)
    assert headers["Location"] == "/v2/x?_state=A%3D"


def test_every_link_is_made_local() -> None:
    """Several links, in one line or in two, all stay with the proxy."""
    headers = CIMultiDict(
        [
            ("Link", '<http://127.0.0.1:5001/a>; rel="next", </b>; rel="last"'),
            ("Link", "<https://registry.example.com/c>"),
        ]
    )
    localise(headers, OWN, foreign=False)
    assert headers.getall("Link") == ['</a>; rel="next", </b>; rel="last"', "</c>"]
