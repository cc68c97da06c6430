"""Root keys as YAML to paste, and as JSON."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from ruamel.yaml import YAML

from proxy.errors import NoTrustData
from proxy.inspection.entries import as_json, as_yaml
from proxy.inspection.roots import Roots
from proxy.names import Gun, Repository
from proxy.policy.entries import Policy
from proxy.tuf.pins import Pins, RootPin
from tests.support.resolving import NAME, entry
from tests.unit.inspection.findings import key, roots, use

TOFU: Final = Policy(NAME, (entry(),), ())
PINNED: Final = Policy(NAME, (entry(pins=Pins((RootPin("corp"), RootPin("old")))),), ())


def yaml(found: Roots, policy: Policy = TOFU) -> tuple[Any, list[str]]:
    """What the document says, and its comments."""
    text = as_yaml(found, policy)
    comments = [line.strip().removeprefix("# ") for line in text.splitlines() if line.lstrip().startswith("#")]
    return YAML(typ="safe").load(text), comments


def test_each_new_key_is_an_entry() -> None:
    """The document has nothing but `roots`, and what it says of each is its public key id."""
    document, _ = yaml(roots(key("shop-root", use("shop/api")), key("1.0-root", use("1.0"))))
    assert document == {
        "roots": {
            "shop-root": {"public_key_ids": ["key shop-root"]},
            "1.0-root": {"public_key_ids": ["key 1.0-root"]},
        }
    }


def test_what_the_holder_compares_stands_below() -> None:
    """The commands for them, complete, and what these must print."""
    _, comments = yaml(roots(key("shop-root", use("shop/api"))))
    position = comments.index("It is the root key of shop/api.")
    root = f"~/.docker/trust/tuf/{NAME}/shop/api/metadata/root.json"
    openssl = "openssl x509 -noout -fingerprint -sha256"
    assert comments[position + 1 : position + 5] == [
        "  notary -d ~/.docker/trust key list",
        "    root ... key shop-root",
        f"""  jq -r '.signed.keys["id of shop/api"].keyval.public' {root} | base64 -d | {openssl}""",
        "    sha256 Fingerprint=AA:shop/api",
    ]
    assert comments[position + 6 : position + 9] == ["  shop/api: id of shop/api", "    AA:shop/api", "    2036-11-19"]


def test_the_certificate_that_lasts_longest_is_compared() -> None:
    """One that has run out is none to go by."""
    past = use("shop/api", valid_until=datetime(2021, 1, 1, tzinfo=UTC))
    _, comments = yaml(roots(key("shop-root", past, use("shop/web"))))
    assert "    sha256 Fingerprint=AA:shop/web" in comments


def test_a_gun_is_quoted_for_the_shell() -> None:
    """A configuration may map repositories to GUNs of any kind."""
    text = as_yaml(roots(key("shop-root", use("shop/api", gun=Gun("a;reboot/$(b)")))), TOFU)
    assert "~/.docker/trust/tuf/'a;reboot/$(b)'/metadata/root.json" in text


def test_a_handful_is_listed_and_hundreds_are_counted() -> None:
    """Five repositories are told one by one; of more, the first and when the earliest certificate runs out."""
    names = [f"shop/r{number:03}" for number in range(300)]
    _, few = yaml(roots(key("shop-root", *map(use, names[:5]))))
    assert [line for line in few if line.startswith("  shop/")] == [f"  {name}: id of {name}" for name in names[:5]]
    ends = datetime(2027, 1, 31, tzinfo=UTC)
    uses = [use(name, **({"valid_until": ends} if name == "shop/r123" else {})) for name in names]
    _, many = yaml(roots(key("shop-root", *uses)))
    assert "It is the root key of 300 repositories (shop/r000, shop/r001, shop/r002 and 297 more)." in many
    assert [line for line in many if line.startswith("  shop/")] == ["  shop/r000: id of shop/r000"]
    assert "  and 299 more, with --json; the first ends on 2027-01-31" in many


def test_a_pinned_key_is_no_entry_again() -> None:
    """It is said under which name it is pinned; the document can still be pasted."""
    found = key("corp", use("shop/api", named=True), use("shop/web", named=True), pinned_as=("corp",))
    document, comments = yaml(roots(found), PINNED)
    assert document == {"roots": {}}
    assert "Pinned already as 'corp': key corp, the root key of 2 repositories (shop/api, shop/web)" in comments
    assert not any("notaries." in line for line in comments)


def test_a_key_that_cannot_count_is_no_entry() -> None:
    """Nobody pins by mistake what is blocked or has run out: it is only told."""
    found = roots(key("shop-root", use("shop/api")), key("x", use("shop/web"), fit=False, warnings=("it is blocked",)))
    document, comments = yaml(found)
    assert list(document["roots"]) == ["shop-root"]
    assert comments[3:5] == ["Not to be pinned: key x, the root key of shop/web", "WARNING: it is blocked"]
    assert comments[-1] == '  notaries.corp.roots: ["shop-root"]'


def test_new_roots_are_named_after_those_that_are_there() -> None:
    """The list to write names what is named now, too: nothing is unpinned by pasting it."""
    found = roots(
        key("shop-root", use("shop/api")),
        key("other", use("shop/web"), use("shop/x", notary="b"), pinned_as=("other",)),
    )
    _, comments = yaml(found, PINNED)
    assert comments[-3:] == [
        "Then name them where they shall anchor trust data:",
        '  notaries.b.roots: ["corp", "old", "other"]',
        '  notaries.corp.roots: ["corp", "old", "shop-root", "other"]',
    ]
    _, comments = yaml(roots(key("shop-root", use("shop/api"))), TOFU)
    assert comments[-1] == '  notaries.corp.roots: ["shop-root"]'


def test_warnings_stand_with_their_key() -> None:
    """Whoever pastes an entry sees what speaks against it."""
    found = roots(
        key("shop-root", use("shop/api"), warnings=("it is odd",)),
        key("corp", use("shop/web", named=True), pinned_as=("corp",), warnings=("it is old",)),
    )
    _, comments = yaml(found, PINNED)
    assert comments[comments.index("It is the root key of shop/api.") - 1] == "WARNING: it is odd"
    assert comments[comments.index("Pinned already as 'corp': key corp, the root key of shop/web") + 1] == (
        "WARNING: it is old"
    )


def test_json_has_everything() -> None:
    """Every repository of every key, and each that was refused with its reason."""
    found = roots(
        key("shop-root", *(use(f"shop/r{number}") for number in range(10)), warnings=("it is odd",)),
        refusals={Repository("shop/none"): NoTrustData("timestamp")},
        warnings=("look at this",),
    )
    told = json.loads(as_json(found, TOFU))
    assert set(told) == {"roots", "refused", "warnings"}
    [row] = told["roots"]
    assert (row["name"], row["pinned_as"], row["public_key_id"]) == ("shop-root", [], "key shop-root")
    assert (row["fit"], row["warnings"]) == (True, ["it is odd"])
    assert len(row["repositories"]) == 10
    assert row["repositories"][3] == {
        "repository": "shop/r3",
        "gun": f"{NAME}/shop/r3",
        "notary": "corp",
        "key_id": "id of shop/r3",
        "certificate_sha256": "AA:shop/r3",
        "certificate_name": f"{NAME}/shop/r3",
        "valid_until": "2036-11-19T00:00:00+00:00",
    }
    [refused] = told["refused"]
    assert (refused["repository"], refused["refusal"]) == ("shop/none", "no_trust_data")
    assert refused["message"].startswith("shop/none has no trust data in Notary corp")
    assert told["warnings"] == ["look at this"]


def test_json_is_safe_for_a_terminal() -> None:
    """A certificate's name is data of Notary."""
    text = as_json(roots(key("shop-root", use("shop/api", made_out_to="\x1b[2J\u202e"))), TOFU)
    assert text.replace("\n", "").isascii()
    assert text.replace("\n", "").isprintable()
