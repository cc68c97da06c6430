"""Commands that an explanation tells people to run."""

from pathlib import Path

from proxy.config.settings import BundleSettings
from proxy.explanation.commands import Commands, typed
from tests.unit.explanation.bare import known


def test_where_trust_data_was_carried_from_is_not_made_up() -> None:
    """A directory knows no server: the signer's own settings say where they publish."""
    from_server = typed(Commands(known()).notary("witness", "targets/alice"))
    from_directory = typed(Commands(known(notary=BundleSettings("corp", Path("bundle")))).notary("witness", "x"))
    assert " -s https://" in from_server
    assert from_directory.startswith("notary -d ~/.docker/trust witness ")
    assert "bundle" not in from_directory
