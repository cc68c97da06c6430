"""Whatever a request line says, it is refused or becomes a path that means one thing."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Refusal
from proxy.web.paths import find, parse
from proxy.web.routes import Route

METHODS: Final = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", ""])
HEX: Final = "0123456789abcdef" * 4
PIECES: Final = st.sampled_from(
    [
        *("/", "/", "/", "//", "v2", "app", "shop", "manifests", "blobs", "uploads", "tags", "list", "referrers"),
        *(
            "_catalog",
            "latest",
            "1.4",
            ".",
            "..",
            "%2e",
            "%2F",
            "%3A",
            "%3a",
            "%25",
            "sha256:",
            "sha256%3A",
            HEX,
            "sha512:",
        ),
        *("?", "#", "&n=1", "_state=a%3D", "\\", ";", ":", "@", "-", "_", "__", "A", "é", "\udc80", "\x00", "\n", " "),
    ]
)
LIKELY: Final = st.lists(PIECES, max_size=14).map(lambda pieces: "/v2/" + "".join(pieces))
TARGETS: Final = st.one_of(
    st.text(), st.text().map("/v2/".__add__), LIKELY, LIKELY.map(lambda text: text.replace("//", "/"))
)


def accepted(target: str) -> Route | None:
    """The route of a target, or None where it is refused."""
    try:
        return find(target)
    except Refusal:
        return None


@given(METHODS, TARGETS)
def test_nothing_but_a_refusal_is_ever_raised(method: str, target: str) -> None:
    """No target makes the parser fail in another way than by refusing."""
    try:
        route = parse(method, target)
    except Refusal:
        return
    assert method in route.methods


@given(TARGETS)
def test_what_is_accepted_means_one_thing(target: str) -> None:
    """A rebuilt path parses to the same route, so the registry reads what the proxy read."""
    route = accepted(target)
    if route is None:
        return
    rebuilt = f"{route.path}?{route.query}" if route.query else route.path
    assert accepted(rebuilt) == route


@given(TARGETS)
def test_no_rebuilt_path_can_be_decoded_or_cleaned(target: str) -> None:
    """Nothing is left that another program would decode, join or walk up."""
    route = accepted(target)
    if route is None:
        return
    assert "%" not in route.path
    assert "//" not in route.path
    assert not {".", ".."} & set(route.path.split("/"))
    assert route.path.isascii()
    assert route.path.isprintable()
    assert not set(" ?#\\") & set(route.path)
    assert not set(" #\\\r\n") & set(route.query)


@given(st.lists(st.sampled_from(["app", "manifests", "blobs", "uploads", "tags", "list", "latest", HEX]), min_size=1))
def test_paths_of_plain_words_are_found_again(words: list[str]) -> None:
    """Words of the API may be names of repositories, and still each path has one reading."""
    route = accepted("/v2/" + "/".join(words))
    if route is not None:
        assert route.path == "/v2/" + "/".join(words)
