"""Nobody reads a manifest that nobody admitted, however the request is written.

Every attempt is sent to the proxy, which must give nothing away. Those that the registry itself falls for are sent
to it as well: they show that the bait is real and that giving it away would be seen.
"""

from collections import Counter
from typing import Final

import pytest

from deploy.stack.proxy import Proxy
from deploy.stack.registry import MANIFEST_TYPES, Registry
from tests.stack.bypass import closing, framing, headers, pushing, references, spellings, writes
from tests.stack.bypass.attempts import Attempt, asked, first
from tests.stack.bypass.bait import SIGNED_TAG, Bait
from tests.support.raw_http import converse

ATTEMPTS: Final = (
    *references.ATTEMPTS,
    *spellings.ATTEMPTS,
    *headers.ATTEMPTS,
    *framing.ATTEMPTS,
    *writes.ATTEMPTS,
    *pushing.ATTEMPTS,
    *closing.ATTEMPTS,
)

_all: Final = pytest.mark.parametrize("attempt", [pytest.param(each, id=each.id) for each in ATTEMPTS])
_leaking: Final = pytest.mark.parametrize(
    "attempt", [pytest.param(each, id=each.id) for each in ATTEMPTS if each.leaks]
)


@_all
def test_nothing_unadmitted_is_read(proxy: Proxy, bait: Bait, attempt: Attempt) -> None:
    """No attempt brings bytes or digest of an unadmitted manifest, and the signed one is served afterwards."""
    answers = attempt.at(proxy.host, bait)
    assert bait.leaks(answers) == []
    accept = {"Accept": ", ".join(MANIFEST_TYPES)}
    served = proxy.request("GET", f"/v2/{bait.app}/manifests/{SIGNED_TAG}", accept)
    assert (served.status, served.body) == (200, bait.signed.manifest.content)


@_leaking
def test_bait_is_real(registry: Registry, open_bait: Bait, attempt: Attempt) -> None:
    """The registry, asked without the proxy, gives away what the attempt wants."""
    answers = attempt.at(registry.host, open_bait)
    assert open_bait.leaks(answers) != [], answers


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(Attempt("tag", asked("/v2/{app}/manifests/borrowed")), id="tag"),
        pytest.param(Attempt("digest", asked("/v2/{app}/manifests/{borrowed}")), id="digest"),
        pytest.param(Attempt("child", asked("/v2/{app}/manifests/{borrowed_child}")), id="child"),
        pytest.param(Attempt("known", asked("/v2/{app}/manifests/{borrowed}", "If-None-Match: *")), id="known-digest"),
    ],
)
def test_nothing_is_borrowed(proxy: Proxy, bait: Bait, attempt: Attempt) -> None:
    """What one repository signed, and was just served from it, is still refused where it lies unsigned."""
    paths = ("/v2/{other}/manifests/1.0", "/v2/{other}/manifests/{borrowed_child}")
    lawful = Attempt("lawful", "".join(first(path) for path in paths))
    answers = converse(proxy.host, lawful.bytes_for(bait, proxy.host) + attempt.bytes_for(bait, proxy.host))
    assert [answer.status for answer in answers] == [200, 200, 403]
    assert bait.leaks(answers[:1]) != []
    assert bait.leaks(answers[1:2]) != []
    assert bait.leaks(answers[2:]) == []


def test_attempts_are_many_and_their_names_unique() -> None:
    """There are at least a hundred attempts, half a hundred of which the registry falls for."""
    assert [name for name, times in Counter(each.id for each in ATTEMPTS).items() if times > 1] == []
    assert len(ATTEMPTS) >= 100
    assert sum(each.leaks for each in ATTEMPTS) >= 50
