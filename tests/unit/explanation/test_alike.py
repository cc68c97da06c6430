"""Two ids that eyes take for the same are told apart, digit by digit."""

import pytest

from proxy.explanation.alike import differing, remarks

ID = "5bc5e215d5ab" + "0123456789abcdef" * 3 + "7777"


@pytest.mark.parametrize(
    ("other", "place"),
    [
        pytest.param(ID, None, id="the-same"),
        pytest.param("9" * 64, None, id="nothing-in-common"),
        pytest.param(f"{ID[:40]}{'9' * 24}", 41, id="the-same-beginning"),
        pytest.param(f"{ID[:63]}8", 64, id="the-last-digit"),
        pytest.param(f"6{ID[1:]}", 1, id="the-first-digit"),
        pytest.param(f"b5{ID[2:]}", 1, id="two-digits-exchanged"),
        pytest.param(f"{ID[:4]}{'9' * 60}", None, id="four-digits-by-chance"),
    ],
)
def test_what_looks_the_same(other: str, place: int | None) -> None:
    """The first digit that differs is named where two ids could be taken for each other, whichever comes first."""
    assert differing(ID, other) == differing(other, ID) == place


def test_every_pair_is_looked_at() -> None:
    """Of several ids on both sides only those that look the same are remarked on."""
    assert list(remarks(["1" * 64, ID], ["2" * 64, f"{ID[:63]}8"])) == ["they differ from digit 64 on: mistyped?"]
    assert not list(remarks([ID], [ID]))
