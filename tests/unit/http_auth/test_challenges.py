"""`WWW-Authenticate` as servers write it, and as nobody should."""

import pytest

from proxy.http_auth.challenges import Challenge, challenges


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], (), id="none"),
        pytest.param([""], (), id="empty"),
        pytest.param(["Basic"], (Challenge("basic"),), id="scheme alone"),
        pytest.param(['Basic realm="registry"'], (Challenge("basic", {"realm": "registry"}),), id="docker-registry"),
        pytest.param(
            ['Bearer realm="https://a/token",service="r.example.com",scope="repository:h:5000/a:pull"'],
            (
                Challenge(
                    "bearer",
                    {"realm": "https://a/token", "service": "r.example.com", "scope": "repository:h:5000/a:pull"},
                ),
            ),
            id="token registry",
        ),
        pytest.param(
            ['BEARER Realm = "a" , SERVICE=b\t,error="invalid_token"'],
            (Challenge("bearer", {"realm": "a", "service": "b", "error": "invalid_token"}),),
            id="case and space",
        ),
        pytest.param(
            ['Bearer realm="a", Basic realm="b"'],
            (Challenge("bearer", {"realm": "a"}), Challenge("basic", {"realm": "b"})),
            id="two in a line",
        ),
        pytest.param(
            ["Negotiate", 'Basic realm="b"'],
            (Challenge("negotiate"), Challenge("basic", {"realm": "b"})),
            id="two lines",
        ),
        pytest.param(
            ['Negotiate, Basic realm="b"'],
            (Challenge("negotiate"), Challenge("basic", {"realm": "b"})),
            id="scheme alone, then another",
        ),
        pytest.param(
            [', ,Basic realm="b",,'], (Challenge("basic", {"realm": "b"}),), id="empty elements, which the grammar has"
        ),
        pytest.param(
            [r'Basic realm="a \"b\" \\ c, Bearer realm=d"'],
            (Challenge("basic", {"realm": r'a "b" \ c, Bearer realm=d'}),),
            id="quoted: escapes and commas are text",
        ),
        pytest.param(['Basic realm=""'], (Challenge("basic", {"realm": ""}),), id="empty value"),
        pytest.param(['Bearer realm="a",realm="b"'], (), id="a parameter twice"),
        pytest.param(['Bearer realm="a",Realm="b", Basic'], (Challenge("basic"),), id="twice, then another"),
        pytest.param(['realm="a"'], (), id="no scheme"),
        pytest.param(['Basic realm="open'], (Challenge("basic"),), id="quote that never ends"),
        pytest.param(["Negotiate abc=="], (Challenge("negotiate"),), id="token of another scheme"),
        pytest.param(["(none)"], (), id="rubbish"),
    ],
)
def test_challenges_are_read_as_they_are_written(lines: list[str], expected: tuple[Challenge, ...]) -> None:
    """Schemes and names are lower case, values are as quoted, and what cannot be read asks for nothing."""
    assert challenges(lines) == expected


@pytest.mark.parametrize("piece", ['Basic realm="', "a ", "a=b,", '"', "\\", "Basic ", 'x="\\'])
def test_long_headers_are_read_at_once(piece: str) -> None:
    """A header as long as one may be ends, whatever is in it; the test's own time-out sees to that."""
    challenges([piece * (65536 // len(piece))])
