"""What was found: values with a stable name, a level, and a sentence for people."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from proxy.names import plain


class Level(StrEnum):
    """How bad it is. `UNKNOWN` is a check that could not run."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "not checked"


class Name(StrEnum):
    """What findings are called, in output and in docs/doctor.md, where each has a heading."""

    CONFIG = "config"
    CONFIG_WARNING = "config-warning"
    LISTEN_CERTIFICATE = "listen-certificate"
    NAME_DNS = "name-dns"
    NAME_ANSWER = "name-answer"
    NAME_NOBODY = "name-nobody"
    NAME_PAST_PROXY = "name-past-proxy"
    REGISTRY_DNS = "registry-dns"
    REGISTRY_CONNECT = "registry-connect"
    REGISTRY_TLS = "registry-tls"
    REGISTRY_CA = "registry-ca"
    REGISTRY_CERTIFICATE_NAME = "registry-certificate-name"
    REGISTRY_CERTIFICATE_DATES = "registry-certificate-dates"
    REGISTRY_CLIENT_CERTIFICATE = "registry-client-certificate"
    REGISTRY_API = "registry-api"
    REGISTRY_CREDENTIALS = "registry-credentials"
    REGISTRY_CATALOGUE = "registry-catalogue"
    REGISTRY_REDIRECTS = "registry-redirects"
    REGISTRY_CLOCK = "registry-clock"
    REGISTRY_PAST_PROXY = "registry-past-proxy"
    NOTARY_DNS = "notary-dns"
    NOTARY_CONNECT = "notary-connect"
    NOTARY_TLS = "notary-tls"
    NOTARY_CA = "notary-ca"
    NOTARY_CERTIFICATE_NAME = "notary-certificate-name"
    NOTARY_CERTIFICATE_DATES = "notary-certificate-dates"
    NOTARY_CLIENT_CERTIFICATE = "notary-client-certificate"
    NOTARY_API = "notary-api"
    NOTARY_CREDENTIALS = "notary-credentials"
    NOTARY_CHANGEFEED = "notary-changefeed"
    NOTARY_LATENCY = "notary-latency"
    NOTARY_CLOCK = "notary-clock"
    NOTARY_DIRECTORY = "notary-directory"
    STORE = "store"
    STORE_MISSING = "store-missing"
    STORE_DIRECTORY = "store-directory"
    STORE_WRITABLE = "store-writable"
    STORE_SPACE = "store-space"
    STORE_DAMAGED = "store-damaged"
    STORE_FOREIGN = "store-foreign"
    STORE_SCHEMA = "store-schema"
    STORE_HELD = "store-held"
    STORE_CLOCK = "store-clock"
    STORE_NOTARY = "store-notary"
    REPOSITORIES = "repositories"
    MODE = "mode"
    NO_RULE = "no-rule"
    TRUST_DATA = "trust-data"
    TRUST_DATA_MISSING = "trust-data-missing"
    ROLLBACK = "rollback"
    GUN_WRONG = "gun-wrong"
    ROOT_PINNED = "root-pinned"
    ROOT_NOT_PINNED = "root-not-pinned"
    ROOT_OTHER_GUN = "root-other-gun"
    ROOT_WILDCARD_NAME = "root-wildcard-name"
    ROOT_REMEMBERED = "root-remembered"
    ROOT_CERTIFICATE_DATES = "root-certificate-dates"
    ROLE_EXPIRY = "role-expiry"
    TIMESTAMP_CLOCK = "timestamp-clock"
    SIGNERS = "signers"
    SIGNER_ROLE = "signer-role"
    SIGNER_KEY = "signer-key"
    SIGNER_DELEGATED_KEY = "signer-delegated-key"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what of which hop, how bad, what and why, and how to mend it (empty where nothing is to be mended).

    `command` are the words of a command that helps, without `-c`.
    """

    hop: str
    name: Name
    level: Level
    sentence: str
    remedy: str = ""
    command: tuple[str, ...] = ()


@dataclass(slots=True)
class Hop:
    """Gathers the findings of one hop, in the order of its checks."""

    title: str
    findings: list[Finding] = field(default_factory=list)

    def ok(self, name: Name, sentence: str) -> None:
        """Note what is as it should be."""
        self.note(name, Level.OK, sentence)

    def warn(self, name: Name, sentence: str, remedy: str, command: tuple[str, ...] = ()) -> None:
        """Note what works and should not go unnoticed."""
        self.note(name, Level.WARNING, sentence, remedy, command)

    def fail(self, name: Name, sentence: str, remedy: str) -> None:
        """Note what does not work."""
        self.note(name, Level.FAILED, sentence, remedy)

    def unknown(self, name: Name, sentence: str) -> None:
        """Note what could not be checked, and why."""
        self.note(name, Level.UNKNOWN, sentence)

    def note(self, name: Name, level: Level, sentence: str, remedy: str = "", command: tuple[str, ...] = ()) -> None:
        """Note something whose level is a question of its own; what strangers wrote cannot command a terminal."""
        finding = Finding(self.title, name, level, plain(sentence), plain(remedy), command)
        if finding not in self.findings:
            self.findings.append(finding)


_LISTED: Final = 3


def listed(names: Iterable[str]) -> str:
    """Some names for a sentence: the first few, and how many more there are."""
    known = sorted(set(names))
    shown, more = known[:_LISTED], len(known) - _LISTED
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))
