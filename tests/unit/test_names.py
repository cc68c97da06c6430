"""Names are checked once, when they are made; from then on holding one means that it is good."""

import pytest

from proxy.errors import DigestInvalid, NameInvalid, TagInvalid, UserError
from proxy.names import Digest, Gun, Reference, Repository, RoleName, Tag, plain

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"
NAME = "registry.example.com"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a", id="one letter"),
        pytest.param("0", id="one digit"),
        pytest.param("shop/api", id="two segments"),
        pytest.param("shop/team/api/v2", id="four segments"),
        pytest.param("a.b_c-d", id="each separator"),
        pytest.param("a__b", id="double underscore"),
        pytest.param("a-----b", id="any number of dashes"),
        pytest.param("a" * 255, id="as long as can be"),
    ],
)
def test_a_repository_name_is_taken_as_it_is(text: str) -> None:
    """What the grammar allows stays the same text."""
    assert Repository(text) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("Shop/api", id="upper case"),
        pytest.param("/shop", id="leading slash"),
        pytest.param("shop/", id="trailing slash"),
        pytest.param("shop//api", id="empty segment"),
        pytest.param("shop/../api", id="parent directory"),
        pytest.param("shop/.", id="this directory"),
        pytest.param(".shop", id="leading dot"),
        pytest.param("shop-", id="trailing dash"),
        pytest.param("a..b", id="two dots"),
        pytest.param("a___b", id="three underscores"),
        pytest.param("a._b", id="two separators"),
        pytest.param("shop api", id="blank"),
        pytest.param("shop\n", id="trailing newline"),
        pytest.param("shop%2fapi", id="percent encoding"),
        pytest.param("shop:1.4", id="a tag behind"),
        pytest.param("sh\u00f6p", id="umlaut"),
        pytest.param("\u0455hop", id="cyrillic look-alike"),
        pytest.param("shop\x00", id="zero byte"),
        pytest.param("a" * 256, id="too long"),
    ],
)
def test_anything_else_is_no_repository_name(text: str) -> None:
    """Outside the grammar nothing is a name, and the refusal says which text it was."""
    with pytest.raises(NameInvalid) as refusal:
        Repository(text)
    assert refusal.value.text == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("latest", id="word"),
        pytest.param("1.4", id="version"),
        pytest.param("_x", id="leading underscore"),
        pytest.param("V1.0-rc_2", id="all kinds of characters"),
        pytest.param("t" * 128, id="as long as can be"),
    ],
)
def test_a_tag_is_taken_as_it_is(text: str) -> None:
    """What the grammar allows stays the same text."""
    assert Tag(text) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(".hidden", id="leading dot"),
        pytest.param("-rf", id="leading dash"),
        pytest.param("a/b", id="slash"),
        pytest.param("a:b", id="colon"),
        pytest.param("a b", id="blank"),
        pytest.param("1.4\n", id="trailing newline"),
        pytest.param("1.4\r\nX-Header: y", id="header injection"),
        pytest.param("\u0661.4", id="arabic digit"),
        pytest.param("t" * 129, id="too long"),
    ],
)
def test_anything_else_is_no_tag(text: str) -> None:
    """Outside the grammar nothing is a tag."""
    with pytest.raises(TagInvalid) as refusal:
        Tag(text)
    assert refusal.value.text == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(HEX, id="no algorithm"),
        pytest.param(f"sha256:{HEX[:-1]}", id="63 digits"),
        pytest.param(f"sha256:{HEX}0", id="65 digits"),
        pytest.param(DIGEST.upper(), id="upper case"),
        pytest.param(f"sha256:{HEX[:-1]}F", id="one digit in upper case"),
        pytest.param(f"sha256:{HEX[:-1]}g", id="no hex digit"),
        pytest.param(f"sha512:{HEX}{HEX}", id="sha512"),
        pytest.param(f"md5:{HEX[:32]}", id="md5"),
        pytest.param(f"{DIGEST}\n", id="trailing newline"),
        pytest.param(f" {DIGEST}", id="leading blank"),
    ],
)
def test_only_a_sha256_in_lower_case_is_a_digest(text: str) -> None:
    """Every digest has one spelling, so that comparing texts compares digests."""
    with pytest.raises(DigestInvalid) as refusal:
        Digest(text)
    assert refusal.value.text == text


def test_a_digest_is_made_from_raw_bytes_and_gives_its_hex_digits() -> None:
    """Trust data holds raw bytes, the registry wants text."""
    digest = Digest.from_hash(bytes.fromhex(HEX))
    assert digest == DIGEST
    assert digest.hex == HEX


@pytest.mark.parametrize("count", [0, 31, 33, 64])
def test_a_hash_of_another_length_is_no_digest(count: int) -> None:
    """A SHA-256 has 32 bytes (S10)."""
    with pytest.raises(DigestInvalid):
        Digest.from_hash(bytes(count))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("registry.example.com/shop/api", id="host and path"),
        pytest.param("localhost:5000/x", id="port"),
        pytest.param("docker.io/library/alpine", id="docker hub"),
        pytest.param("Free/Text@1", id="free text"),
        pytest.param("a...b", id="dots inside a segment"),
    ],
)
def test_a_gun_is_taken_as_it_is(text: str) -> None:
    """Notary allows nearly any text as GUN."""
    assert Gun(text) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("host/../admin", id="parent directory"),
        pytest.param("host/./x", id="this directory"),
        pytest.param("host//x", id="empty segment"),
        pytest.param("/x", id="leading slash"),
        pytest.param("x/", id="trailing slash"),
        pytest.param("host/a?b=c", id="query"),
        pytest.param("host/a#b", id="fragment"),
        pytest.param("host/%2e%2e/x", id="percent encoding"),
        pytest.param("host\\x", id="backslash"),
        pytest.param("host/*", id="star"),
        pytest.param("host/a b", id="blank"),
        pytest.param("host/a\r\nb", id="line ends"),
        pytest.param("host/\u00e9", id="not ascii"),
    ],
)
def test_a_gun_cannot_change_the_address_it_goes_into(text: str) -> None:
    """Whatever would mean something in a URL is refused."""
    with pytest.raises(NameInvalid):
        Gun(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("root", id="root"),
        pytest.param("timestamp", id="timestamp"),
        pytest.param("snapshot", id="snapshot"),
        pytest.param("targets", id="targets"),
        pytest.param("targets/level1", id="delegation"),
        pytest.param("targets/level1/level2/level3", id="nested delegation"),
        pytest.param("targets/under_score", id="underscore"),
        pytest.param("targets/hyphen-hyphen", id="hyphen"),
        pytest.param("targets/" + "x" * 247, id="255 characters"),
    ],
)
def test_a_role_name_is_taken_as_it_is(text: str) -> None:
    """The four top roles, and what Notary takes for a delegation (dialect 5, row 42)."""
    assert RoleName(text) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("Root", id="top role in upper case"),
        pytest.param("mirror", id="unknown top role"),
        pytest.param("root/level1", id="delegation below root"),
        pytest.param("targets/", id="empty last segment"),
        pytest.param("targets/level1/", id="trailing slash"),
        pytest.param("targets/UpperCase", id="upper case"),
        pytest.param("targets/directory/../../traversal", id="traversal"),
        pytest.param("targets///test/middle/slashes", id="empty segments"),
        pytest.param("targets/./././", id="this directory"),
        pytest.param(" targets/alice", id="leading blank"),
        pytest.param("targets/alice ", id="trailing blank"),
        pytest.param("targets/al ice", id="inner blank"),
        pytest.param("targets/alice\n", id="trailing newline"),
        pytest.param("targets/alice.x", id="dot"),
        pytest.param("targets/" + "x" * 248, id="256 characters"),
    ],
)
def test_anything_else_is_no_role_name(text: str) -> None:
    """A name that is no role's never reaches an address or a store (dialect 5, row 42)."""
    with pytest.raises(NameInvalid):
        RoleName(text)


def test_a_role_knows_its_signer_and_its_parent() -> None:
    """People say `alice`; the tree says `targets`."""
    assert RoleName("targets/alice").signer == "alice"
    assert RoleName("targets/alice/deep").signer == "alice/deep"
    assert RoleName("targets/alice/deep").parent == "targets/alice"
    assert RoleName("targets/alice").parent == "targets"


def test_a_top_role_has_no_parent() -> None:
    """Nothing in the tree of delegations stands above `targets`."""
    with pytest.raises(NameInvalid):
        _ = RoleName("targets").parent


@pytest.mark.parametrize(
    ("text", "repository", "target"),
    [
        pytest.param("shop/api:1.4", "shop/api", "1.4", id="tag"),
        pytest.param("shop/api", "shop/api", "latest", id="no tag means latest"),
        pytest.param("api", "api", "latest", id="one segment"),
        pytest.param(f"{NAME}/shop/api:1.4", "shop/api", "1.4", id="with the registry's name"),
        pytest.param(f"shop/api@{DIGEST}", "shop/api", DIGEST, id="digest"),
        pytest.param(f"shop/api:1.4@{DIGEST}", "shop/api", DIGEST, id="the digest counts beside a tag"),
        pytest.param(f"{NAME}/{NAME}/x:1", f"{NAME}/x", "1", id="the registry's name is dropped once"),
    ],
)
def test_a_reference_is_read_as_people_type_it(text: str, repository: str, target: str) -> None:
    """Host, tag and digest are where clients expect them."""
    reference = Reference.parse(text, NAME)
    assert (reference.repository, reference.target) == (repository, target)
    assert isinstance(reference.target, Digest) == target.startswith("sha256:")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("", NameInvalid, id="empty"),
        pytest.param(":1.4", NameInvalid, id="tag alone"),
        pytest.param("localhost:5000/shop/api:1.4", NameInvalid, id="another registry"),
        pytest.param("shop/api:", TagInvalid, id="empty tag"),
        pytest.param("shop/api:1:4", TagInvalid, id="two colons"),
        pytest.param("shop/api@", DigestInvalid, id="empty digest"),
        pytest.param("shop/api@sha256:abc", DigestInvalid, id="short digest"),
        pytest.param(f"shop/api@{DIGEST}@{DIGEST}", DigestInvalid, id="two digests"),
        pytest.param(f"shop/api:-x@{DIGEST}", TagInvalid, id="bad tag beside a good digest"),
    ],
)
def test_a_reference_that_is_none_is_refused(text: str, error: type[NameInvalid | TagInvalid | DigestInvalid]) -> None:
    """Each part has its own refusal."""
    with pytest.raises(error):
        Reference.parse(text, NAME)


@pytest.mark.parametrize("text", ["shop/api:1.4", f"shop/api@{DIGEST}"])
def test_a_reference_is_written_as_people_read_it(text: str) -> None:
    """Writing undoes reading."""
    assert str(Reference.parse(text, NAME)) == text


@pytest.mark.parametrize("transport", ["docker", "https", "oci"])
def test_a_transport_is_no_part_of_a_reference(transport: str) -> None:
    """As skopeo writes it; what to write in its place is said."""
    with pytest.raises(UserError, match=f"write {NAME}/shop/api:1.4, without {transport}://"):
        Reference.parse(f"{transport}://{NAME}/shop/api:1.4", NAME)


def test_foreign_text_is_one_line_without_commands() -> None:
    """What a certificate says cannot steer a terminal."""
    assert plain("ci\x1b[2J\nadmitted\u202e") == "ci?[2J?admitted?"
    assert plain("CN=ci, O=Größe") == "CN=ci, O=Größe"
