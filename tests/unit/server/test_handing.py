"""A worker gets the very configuration that its supervisor read, and its sockets."""

import os
import pickle
import socket
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from proxy.config.settings import Address, TlsSettings
from proxy.server.handing import Handed
from proxy.server.listeners import bind
from proxy.server.sockets import Bound, Place
from proxy.web.tls import server_context
from tests.unit.config.site import Site, compose, documented_example, equip_for_example


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A directory with a configuration that uses every key."""
    made = Site(tmp_path)
    equip_for_example(made)
    return made


def test_every_key_is_handed_over(site: Site) -> None:
    """Nothing is read once more: files may have changed since."""
    settings = site.load(documented_example())
    handing = Handed.of(settings, ())
    for each in site.directory.rglob("*"):
        if each.is_file():
            each.unlink()
    with handing.file() as file:
        handed = Handed.read(file.fileno()).settings
    for key in ("name", "listen", "candidates", "probes", "registry", "generation"):
        assert getattr(handed, key) == getattr(settings, key)
    assert dict(handed.notaries) == dict(settings.notaries)
    policy, ours = handed.policy, settings.policy
    assert [each.pattern for each in policy.entries] == [each.pattern for each in ours.entries]
    assert [(each.signed_by, each.tags, each.pins) for each in policy.entries] == [
        (each.signed_by, each.tags, each.pins) for each in ours.entries
    ]
    assert (policy.rollout, policy.exemptions) == (ours.rollout, ours.exemptions)
    assert dict(policy.blocked.keys) == dict(ours.blocked.keys)
    assert dict(policy.blocked.digests) == dict(ours.blocked.digests)


def test_files_are_handed_over_as_they_were(site: Site, tls: TlsSettings) -> None:
    """A worker that takes another's place shows the same certificate, whatever became of the files meanwhile."""
    text = compose(
        listen="{tls: {certificate_file: proxy.crt, key_file: proxy.key, client_ca_file: own.crt}}",
        registry="{url: 'https://registry:5001', ca_file: own.crt}",
        trust_store="{url: 'postgresql://u@db.example:5432/t', ca_file: own.crt}",
    )
    assert tls.client_ca_file
    wanted = {"proxy.crt": tls.certificate_file, "proxy.key": tls.key_file, "own.crt": tls.client_ca_file}
    for name, each in wanted.items():
        site.write(name, each.data)
    settings = site.load(text)
    for name in wanted:
        site.write(name, "half a file")
    with Handed.of(settings, (Bound(Place("listen", Address("127.0.0.1", 0), tls), ()),)).file() as file:
        handed = Handed.read(file.fileno())
    [(taken, _)] = handed.places
    for own in (handed.settings.listen.tls, taken.tls):
        assert own
        assert own.client_ca_file
        server_context(own, "listen")
        assert [each.data for each in (own.certificate_file, own.key_file, own.client_ca_file)] == [
            each.data for each in wanted.values()
        ]
    for authorities in (handed.settings.registry.ca_file, handed.settings.trust_store.ca_file):
        assert authorities
        assert authorities.data == tls.client_ca_file.data


def test_secrets_are_in_no_sentence(tls: TlsSettings, site: Site) -> None:
    """Contents of files stand in no log, even where somebody shows what is handed over."""
    settings = site.load(documented_example())
    handed = Handed.of(replace(settings, listen=replace(settings.listen, tls=tls)), ())
    assert "PRIVATE KEY" not in repr(handed)


def test_worker_begins_no_trust_store(site: Site) -> None:
    """One that was lost since its supervisor opened it must not pass for a new one."""
    settings = site.load(documented_example())
    assert not settings.trust_store.must_exist
    assert Handed.of(settings, ()).settings.trust_store.must_exist


def test_warnings_are_said_once(site: Site) -> None:
    """By the supervisor."""
    settings = site.load(documented_example())
    assert settings.warnings
    assert Handed.of(settings, ()).settings.warnings == ()


def test_secrets_are_on_no_disk(site: Site) -> None:
    """They are in memory, in which a worker reads them."""
    with Handed.of(site.load(documented_example()), ()).file() as file:
        assert str(Path(f"/proc/self/fd/{file.fileno()}").readlink()).startswith("/memfd:")


async def test_sockets_are_inherited(site: Site) -> None:
    """They are the same, so no connection that waits there is lost."""
    bound = await bind(Place("listen", Address("127.0.0.1", 0)))
    handed = Handed.of(site.load(documented_example()), bound)
    assert handed.descriptors == (bound[0].sockets[0].fileno(),)
    copies = {descriptor: os.dup(descriptor) for descriptor in handed.descriptors}
    inherited = replace(handed, places=((bound[0].place, tuple(copies.values())),))
    [taken] = inherited.take()
    assert taken.place == bound[0].place
    address = taken.sockets[0].getsockname()
    assert address == bound[0].sockets[0].getsockname()
    bound[0].close()
    with socket.create_connection(address):
        taken.close()


def test_nothing_else_is_taken() -> None:
    """What starts a worker is a supervisor."""
    with TemporaryFile() as file:
        file.write(pickle.dumps({"settings": None}))
        file.flush()
        with pytest.raises(TypeError):
            Handed.read(file.fileno())
