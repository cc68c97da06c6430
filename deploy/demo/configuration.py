"""The proxy's configuration for the demo: short, but with everything that a real one has."""

from pathlib import Path
from string import Template
from typing import Final

from deploy.demo.stage import Stage
from deploy.stack import keys

_TEXT: Final = Template("""\
version: 1
name: $name                  # what clients write before the repository, and what was signed
listen: {address: $listen}
probes: {address: $probes}
registry: {url: $registry}
trust_store: {url: "sqlite:///$directory/trust.db"}

notaries:
  demo:
    url: $notary
    ca_file: certs/ca.crt
    roots: [demo]
roots:
  demo: {public_key_ids: [$root]}
signers:                               # mallory has a key in Notary, but no place here
  alice: {keys: [people/alice/alice.pub]}
  bob: {keys: [people/bob/bob.pub]}
  carol: {keys: [people/carol/carol.pub]}
  ci: {keys: [people/ci/ci.pub]}

defaults: {fresh_for: 1s}              # so that the demo need not wait for a revocation
repositories:
  "shop/**":
    signed_by: {any_of: [alice, bob]}
    tags:
      "v*": {signed_by: {at_least: 2, of: [alice, bob, carol]}}
  "infra/**": {signed_by: {any_of: [ci]}}
  "legacy/**": {signed_by: released}
rollout:
  "legacy/**": {mode: audit, until: "2099-01-01T00:00:00Z", reason: "demo: not all of it is signed yet"}
""")


def write(stage: Stage) -> Path:
    """Write `config.yaml`, pinning the root key that signed the demo's collections; return its path."""
    [root] = set(keys.root_key_ids(stage.notary, stage.gun("shop/api")))
    text = _TEXT.substitute(
        name=stage.name,
        listen=listen_address(stage),
        probes=stage.probes,
        registry=stage.registry.url,
        directory=stage.directory,
        notary=stage.notary.url,
        root=f'"{root}"',
    )
    path = stage.directory / "config.yaml"
    path.write_text(text)
    return path


def listen_address(stage: Stage) -> str:
    """Return where the proxy listens: `name`, but with the address of the loopback."""
    return stage.name.replace("localhost", "127.0.0.1")
