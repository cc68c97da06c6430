"""`exceptions`: digests that are served unsigned until an instant."""

from datetime import UTC, datetime

import pytest

from proxy.names import Digest, Repository
from proxy.policy.entries import Exemption
from tests.unit.config.site import Site, compose

ONE, OTHER = (Digest(f"sha256:{digit * 64}") for digit in "9a")
UNTIL = "until: '2027-06-30T00:00:00Z', reason: bootstrap"


def exceptions(*images: str) -> str:
    """A file with an exception on each line from the second on."""
    return compose(exceptions="".join(f"\n  - {{allow: '{image}', {UNTIL}}}" for image in images))


def test_there_are_no_exceptions_by_default(site: Site) -> None:
    """An empty list is as good as none."""
    assert site.load(compose()).policy.exemptions == ()
    assert site.load(compose(exceptions="[]")).policy.exemptions == ()


def test_an_exception_is_one_digest_of_one_repository(site: Site) -> None:
    """It needs no entry, and the registry's own name may stand in front."""
    policy = site.load(exceptions(f"infra/tagwarden@{ONE}", f"registry.example.com/shop/api@{ONE}")).policy
    until = datetime(2027, 6, 30, tzinfo=UTC)
    assert policy.exemptions == (
        Exemption(Repository("infra/tagwarden"), ONE, until, "bootstrap"),
        Exemption(Repository("shop/api"), ONE, until, "bootstrap"),
    )


@pytest.mark.parametrize(
    "image",
    [
        pytest.param("infra/tagwarden:1.4", id="tag"),
        pytest.param("infra/tagwarden", id="repository-alone"),
        pytest.param("sha256:" + "9" * 64, id="digest-alone"),
        pytest.param(f"infra/tagwarden:1.4@{ONE}", id="tag-beside-the-digest"),
        pytest.param("infra/tagwarden@sha256:9999", id="short-digest"),
        pytest.param("infra/tagwarden@sha512:" + "9" * 64, id="other-algorithm"),
        pytest.param(f"infra/Tagwarden@{ONE}", id="capital-letter"),
        pytest.param(f"infra/*@{ONE}", id="pattern"),
        pytest.param(f"localhost:5000/infra/tagwarden@{ONE}", id="another-registry"),
        pytest.param(f"@{ONE}", id="no-repository"),
    ],
)
def test_anything_else_is_no_exception(site: Site, image: str) -> None:
    """What is allowed must be exactly what was read, so nothing is guessed."""
    sentence = "is no image by its digest alone; write repository@sha256: and the 64 lower-case hex digits"
    assert site.problems(exceptions(image)) == [f'2: exceptions[0].allow: "{image}" {sentence}']


def test_what_is_very_long_is_shortened_in_the_sentence(site: Site) -> None:
    """A line stays readable, and says where it stands anyway."""
    (line,) = site.problems(exceptions("x" * 5000))
    assert line.startswith(f'2: exceptions[0].allow: "{"x" * 120}..." is no image')


def test_the_same_exception_twice_is_a_mistake(site: Site) -> None:
    """With two ends to choose from, nobody could say which one counts; other digests and repositories are others."""
    text = exceptions(f"shop/api@{ONE}", f"shop/api@{OTHER}", f"shop/web@{ONE}", f"registry.example.com/shop/api@{ONE}")
    assert site.problems(text) == ["5: exceptions[3].allow: this image is allowed on line 2 already; remove one"]


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        pytest.param(
            f"[{{allow: 'shop/api@{ONE}'}}]",
            [
                (
                    "1: exceptions[0].until: this key is required; "
                    "add it (instant from which it is decided like any other)"
                ),
                "1: exceptions[0].reason: this key is required; add it (why, such as the number of a ticket)",
            ],
            id="no-end-and-no-reason",
        ),
        pytest.param(
            f"[{{{UNTIL}}}]",
            [
                (
                    "1: exceptions[0].allow: this key is required; "
                    "add it (the image that is allowed, as repository@sha256:...)"
                )
            ],
            id="nothing-allowed",
        ),
        pytest.param(
            f"[{{allow: 'shop/api@{ONE}', {UNTIL}, tag: x}}]",
            ["1: exceptions[0].tag: unknown key; possible here: allow, until, reason"],
            id="unknown-key",
        ),
        pytest.param(
            f"[{{allow: 'shop/api@{ONE}', until: 2027-06-30, reason: x}}]",
            [
                (
                    '1: exceptions[0].until: "2027-06-30" is no instant; write date, time and offset, '
                    "such as 2027-01-31T08:00:00+01:00"
                )
            ],
            id="day-for-an-instant",
        ),
        pytest.param(
            f"{{allow: 'shop/api@{ONE}', {UNTIL}}}",
            ["1: exceptions: a list is wanted here; write it in brackets, such as [one, another]"],
            id="mapping-for-the-list",
        ),
        pytest.param(
            f"['shop/api@{ONE}']",
            ["1: exceptions[0]: a mapping is wanted here; write some of its keys: allow, until, reason"],
            id="image-for-the-mapping",
        ),
    ],
)
def test_an_exception_has_an_end_and_a_reason(site: Site, written: str, lines: list[str]) -> None:
    """Each of its three keys is required."""
    assert site.problems(compose(exceptions=written)) == lines


def test_an_exception_for_what_is_blocked_is_warned_of(site: Site) -> None:
    """It allows nothing, which whoever wrote it may not know."""
    text = (
        exceptions(f"shop/api@{ONE}", f"shop/api@{OTHER}") + f"blocked: [{{digest: '{OTHER}', reason: CVE-2026-1}}]\n"
    )
    assert site.warnings(text) == [
        "3: exceptions[1].allow: blocked names this digest too, and wins; remove one of the two"
    ]
