"""Where everything is right, the doctor says so of every hop."""

from tests.stack.doctor.shop import Shop, examined


async def test_everything_is_right(shop: Shop) -> None:
    """A whole installation is ok in every check, and every hop was looked at."""
    seen = await examined(shop.configuration)
    assert seen.fine_hops() == {
        "configuration",
        "name",
        "registry",
        "past the proxy",
        "notary corp",
        "trust store",
        "repositories",
    }, seen.lines
