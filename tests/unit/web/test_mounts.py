"""The query of an upload that begins: one reading, or none."""

from typing import Final

import pytest

from proxy.errors import DigestInvalid, NameInvalid, Refusal
from proxy.names import Digest, Repository
from proxy.web.mounts import Mount, read

HEX: Final = "a" * 64
DIGEST: Final = Digest(f"sha256:{HEX}")
MOUNT: Final = Mount(DIGEST, Repository("shop/base"))


@pytest.mark.parametrize(
    ("query", "mount", "rest"),
    [
        pytest.param("", None, "", id="nothing"),
        pytest.param(f"mount={DIGEST}&from=shop/base", MOUNT, "", id="plain"),
        pytest.param(f"from=shop%2Fbase&mount=sha256%3a{HEX}", MOUNT, "", id="encoded, in the other order"),
        pytest.param(f"a=%2F&mount={DIGEST}&&from=shop/base&b", MOUNT, "a=%2F&&b", id="with others, byte for byte"),
        pytest.param(f"Mount={DIGEST}&FROM=shop/base", MOUNT, "", id="another case"),
        pytest.param(f"m%6Funt={DIGEST}&from=shop/base", MOUNT, "", id="an encoded word"),
        pytest.param(f"mount={DIGEST}", None, "", id="from anywhere"),
        pytest.param("from=shop/base&digest=x", None, "digest=x", id="nothing to mount"),
        pytest.param("mount=&from=", None, "", id="empty words"),
        pytest.param("mounted=1&x-from=2", None, "mounted=1&x-from=2", id="other words"),
    ],
)
def test_a_mount_is_read_out_of_the_query(query: str, mount: Mount | None, rest: str) -> None:
    """What is left goes on as it is."""
    assert read(query) == (mount, rest)


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        pytest.param(f"mount=sha512:{HEX}{HEX}&from=a", DigestInvalid, id="another algorithm"),
        pytest.param(f"mount={DIGEST}+&from=a", DigestInvalid, id="a blank"),
        pytest.param(f"mount={DIGEST}&from=x/../a", NameInvalid, id="dot segments"),
        pytest.param(f"mount={DIGEST}&from=A", NameInvalid, id="upper case name"),
        pytest.param(f"mount={DIGEST}&from=%ff", NameInvalid, id="no text"),
        pytest.param(f"mount={DIGEST}&from=a%252Fb", NameInvalid, id="encoded twice"),
        pytest.param(f"mount={DIGEST}&from=a&from=b", NameInvalid, id="two sources"),
        pytest.param(f"mount={DIGEST}&m%6funt={DIGEST}&from=a", NameInvalid, id="two mounts, one encoded"),
        pytest.param(f"mount=&MOUNT={DIGEST}&from=a", NameInvalid, id="two mounts, one empty"),
        pytest.param(f"x=1;mount={DIGEST};from=a", NameInvalid, id="semicolons"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(query: str, refusal: type[Refusal]) -> None:
    """A registry might take the other one."""
    with pytest.raises(refusal):
        read(query)


def test_a_mount_is_written_from_checked_names() -> None:
    """Nothing of the client's spelling is left."""
    assert str(MOUNT) == f"mount={DIGEST}&from=shop/base"
