"""Single values of the file: durations, instants, addresses, URLs, names (design: Configuration).

Each function takes what YAML gave and returns the value, or raises `ValueError` with one sentence that says
what is wrong and what to write. A URL is never repeated in a sentence, because it may hold a password.
"""

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from yarl import URL

from proxy.config.document import quoted
from proxy.config.settings import POSTGRESQL, Address, Network
from proxy.config.yaml import Number
from proxy.errors import DigestInvalid
from proxy.limits import CHANGEFEED_LONGEST_SECONDS, CHANGEFEED_SHORTEST_SECONDS, CONTACT_LENGTH, WORKERS
from proxy.names import Digest
from proxy.policy.patterns import RepositoryPattern

_DURATION: Final = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_LONGEST: Final = timedelta(days=3650)
_SHORTEST_POLL: Final = timedelta(seconds=CHANGEFEED_SHORTEST_SECONDS)
_LONGEST_POLL: Final = timedelta(seconds=CHANGEFEED_LONGEST_SECONDS)
_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})(?:(\.[0-9]{1,6})[0-9]*)?(Z|[-+][0-9]{2}:[0-9]{2})?"
)
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_HIGHEST_PORT: Final = 65535
_URL: Final = re.compile(r"[A-Za-z0-9:/.\[\]_~-]+")
_URL_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9a-f:.]+")
_KEY_ID: Final = re.compile(r"[0-9a-f]{64}")
_NETWORK: Final = re.compile(r"[0-9a-fA-F:.]+(?:/[0-9]{1,3})?")
_REDIRECT_HOST: Final = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_SQLITE: Final = "sqlite:///"
_SERVER_URL: Final = re.compile(
    r"postgresql://(?P<user>[A-Za-z0-9._-]+)@(?P<host>[A-Za-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"/(?P<database>[A-Za-z0-9._-]+)"
)
_SHORT_POSTGRESQL: Final = "postgres://"
_POSTGRESQL_PORT: Final = 5432
_OTLP_PATH: Final = "/v1/traces"


def text(raw: object) -> str:
    """Text that is not empty."""
    match raw:
        case bool():
            raise ValueError(f"{str(raw).lower()} is not text to YAML; write it in quotes")
        case int() | Number():
            raise ValueError("an unquoted number is not text to YAML; write it in quotes")
        case str() if raw.strip():
            return raw
        case str():
            raise ValueError("this is empty; write a value, or remove the key")
        case _:
            raise ValueError("one value is wanted here; write text, not a list or a mapping")


def flag(raw: object) -> bool:
    """Yes or no."""
    match raw:
        case bool():
            return raw
        case _:
            raise ValueError("yes or no is wanted here; write true or false, without quotes")


def count(raw: object) -> int:
    """A whole number from 1 on."""
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 1:
        raise ValueError("a whole number is wanted here; write 1, 2 or more, without quotes")
    return raw


def duration(raw: object) -> timedelta:
    """`500ms`, `30s`, `5m`, `24h`, `30d`; at most ten years."""
    match raw:
        case bool():
            pass
        case int() | Number():
            raise ValueError(f"{raw} has no unit; write {raw}s for seconds (ms, s, m, h and d are possible)")
    match = _DURATION.fullmatch(text(raw))
    if not match:
        raise ValueError(
            f"{quoted(raw)} is no duration; write a whole number and a unit, such as 500ms, 30s, 5m or 24h"
        )
    value = int(match[1]) * _UNITS[match[2]]
    if value > _LONGEST:
        raise ValueError(f"{quoted(raw)} is more than ten years; write at most 3650d")
    return value


def waiting_time(raw: object) -> timedelta:
    """A duration that is not zero."""
    value = duration(raw)
    if not value:
        raise ValueError("no time at all is too short to wait; write a longer one, such as 5s")
    return value


def workers(raw: object) -> int | Literal["auto"]:
    """How many processes serve clients, or `auto`."""
    match raw:
        case "auto":
            return "auto"
        case int() if not isinstance(raw, bool) and 1 <= raw <= WORKERS:
            return raw
        case _:
            how_many = f"1 to {WORKERS} without quotes, or auto for one per core"
            raise ValueError(f"this is no number of processes; write {how_many}")


def poll_interval(raw: object) -> timedelta | Literal["off"]:
    """How often something is asked for: a duration within reason, or `off`."""
    match raw:
        case "off":
            return "off"
        case False:
            raise ValueError("false does not switch this off; write off, or a duration such as 1s")
        case True:
            raise ValueError("true does not say how often; write a duration such as 1s, or off")
        case str() if not _DURATION.fullmatch(raw):
            raise ValueError(f"{quoted(raw)} is no duration; write off, or a whole number and a unit, such as 1s")
    value = duration(raw)
    if not _SHORTEST_POLL <= value <= _LONGEST_POLL:
        raise ValueError(f"{quoted(raw)} is not between 200ms and 1h; write a duration that is, such as 1s, or off")
    return value


def instant(raw: object) -> datetime:
    """RFC 3339 with offset, quoted or not; parts of a microsecond are cut off."""
    match = _INSTANT.fullmatch(text(raw))
    if not match:
        raise ValueError(f"{quoted(raw)} is no instant; write date, time and offset, such as 2027-01-31T08:00:00+01:00")
    date, time, fraction, offset = match.groups()
    if not offset:
        raise ValueError(f"{quoted(raw)} has no offset from UTC; add it, such as Z or +01:00")
    try:
        return datetime.fromisoformat(f"{date}T{time}{(fraction or '.').ljust(7, '0')}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{quoted(raw)} does not exist in the calendar; check month, day, hours and offset") from None


def registry_name(raw: object) -> str:
    """`host[:port]` as it stands in image names."""
    name = text(raw)
    host, colon, port = name.lower().partition(":")
    if "/" in name:
        raise ValueError(f"{quoted(name)} is more than a host; write host or host:port, without scheme and path")
    if not name.isascii() or not _HOST.fullmatch(host) or (colon and not _is_port(port)):
        raise ValueError(f"{quoted(name)} is no host[:port]; write it as in image names, such as registry.example.com")
    if name != name.lower():
        raise ValueError(
            f"{quoted(name)} has capital letters; write {quoted(name.lower())}, as it stands in image names"
        )
    return name


def address(raw: object) -> Address:
    """`host:port`, an IPv6 host in brackets."""
    is_number = isinstance(raw, int | Number) and not isinstance(raw, bool)
    written = str(raw) if is_number else text(raw)
    host, colon, port = written.rpartition(":")
    if colon and host and port.isdecimal() and port.isascii() and not _is_port(port):
        raise ValueError(f"{quoted(port)} is no port; write a number from 0 to 65535, 0 for any that is free")
    if not colon or not host or not _is_port(port):
        raise ValueError(f"{quoted(written)} is no address; write host:port, such as 0.0.0.0:5000 or [::1]:5000")
    try:
        if host.startswith("[") and host.endswith("]"):
            return Address(str(ipaddress.IPv6Address(host[1:-1])), int(port))
        if re.fullmatch(r"[0-9.]+", host):
            ipaddress.IPv4Address(host)
    except ValueError:
        raise ValueError(f"{quoted(host)} is no IP address; check its digits") from None
    if not _HOST.fullmatch(host.lower()):
        raise ValueError(f"{quoted(host)} is no host; write a name, an IPv4 address, or an IPv6 address in brackets")
    return Address(host, int(port))


def network(raw: object) -> Network:
    """`10.0.0.0/8`, `2001:db8::/32`, or one address."""
    written = text(raw)
    try:
        found = ipaddress.ip_network(written if _NETWORK.fullmatch(written) else "", strict=False)
    except ValueError:
        raise ValueError(
            f"{quoted(written)} is no network; write address and prefix length, such as 10.0.0.0/8"
        ) from None
    if "/" in written and found.network_address != ipaddress.ip_address(written.partition("/")[0]):
        raise ValueError(f"{quoted(written)} has bits set behind its prefix; write {quoted(found)}, or a longer prefix")
    if isinstance(found, ipaddress.IPv6Network) and found.network_address.ipv4_mapped:
        raise ValueError(f"{quoted(written)} is IPv4 in the clothes of IPv6; write it as IPv4, such as 10.0.0.0/8")
    return found


def contact(raw: object) -> str:
    """Whom people should ask: a few words that fit into the status line of an answer, before the code in brackets."""
    written = text(raw).strip()
    if not (written.isascii() and written.isprintable()) or set(written) & set("[]"):
        raise ValueError(
            f"{quoted(written)} cannot be part of a refusal; write one line of ASCII without square brackets"
        )
    if len(written) > CONTACT_LENGTH:
        raise ValueError(f"this is longer than the {CONTACT_LENGTH} characters that a refusal has room for; shorten it")
    return written


def repository_pattern(raw: object) -> RepositoryPattern:
    """A pattern of repositories, such as `shop/**`."""
    return RepositoryPattern(text(raw))


def redirect_host(raw: object) -> str:
    """`host` or `host:port` as a URL names them: numbers in their shortest form, an IPv6 host in brackets."""
    name = text(raw)
    match = _REDIRECT_HOST.fullmatch(name)
    host = _shortest(match[1]) if match else None
    if not match or not host or (match[2] and not _is_port(match[2])):
        raise ValueError(
            f"{quoted(name)} is no host[:port]; write it in lower case without scheme and path, "
            "such as storage.example.com or storage.example.com:9000"
        )
    return f"{host}:{int(match[2])}" if match[2] else host


def _shortest(host: str) -> str | None:
    """A host, with an IPv6 address in its shortest form; None where there is no such address."""
    if not host.startswith("["):
        return host
    try:
        return f"[{ipaddress.IPv6Address(host[1:-1])}]"
    except ValueError:
        return None


def registry_url(raw: object) -> URL:
    """Scheme, host and port of the registry."""
    url = _web_url(raw)
    if url.path != "/":
        raise ValueError("this URL has a path, but a registry has none; write scheme, host and port only")
    return url.origin()


def notary_url(raw: object) -> URL:
    """Address of a Notary server, without trailing slash; plain HTTP on this machine only.

    Trust data is signed, but who can change plain HTTP can hold back what is new until it expires.
    """
    url = _web_url(raw)
    if url.scheme == "http" and not is_loopback(url):
        raise ValueError(
            "plain http lets anybody on the way hold back revocations; write https, or run Notary on loopback"
        )
    return url.with_path(url.path.rstrip("/"))


def collector_url(raw: object) -> URL:
    """Address to which traces are sent; OTLP's own path where none is written."""
    written = text(raw)
    if "@" in written:
        raise ValueError("this URL has a user name in it, and no password belongs here; remove it")
    url = _web_url(written)
    return url.with_path(_OTLP_PATH) if url.path == "/" else url


def is_loopback(url: URL) -> bool:
    """Whether a URL leads to this machine."""
    try:
        return ipaddress.ip_address(url.host or "").is_loopback
    except ValueError:
        return url.host == "localhost"


def store_url(raw: object) -> str:
    """`sqlite:////path`, `sqlite:///path` relative to the file, or `postgresql://user@host:port/database`."""
    written = text(raw)
    if written.startswith(POSTGRESQL):
        return _server_url(written)
    if written.startswith(_SHORT_POSTGRESQL):
        raise ValueError("postgres:// is called postgresql:// here; write postgresql://user@host/database")
    path = written.removeprefix(_SQLITE)
    if path == written or not path or path.startswith(":memory:") or set(path) & set("?#%"):
        raise ValueError(
            "the trust store is a file of SQLite or a database of PostgreSQL; write sqlite:////absolute/path, "
            "sqlite:///relative/path or postgresql://user@host/database"
        )
    return written


def _server_url(written: str) -> str:
    """The address of a database, with its port."""
    if ":" in written.removeprefix(POSTGRESQL).rpartition("@")[0]:
        raise ValueError("this URL has a password in it; move it to a file and name that as password_file")
    match = _SERVER_URL.fullmatch(written)
    host = _shortest(match["host"]) if match else None
    port = int(match["port"] or _POSTGRESQL_PORT) if match else 0
    if not match or not host or not 0 < port <= _HIGHEST_PORT:
        raise ValueError(
            "this is no address of a database; write postgresql://user@host/database or "
            "postgresql://user@host:port/database, without options"
        )
    return f"{POSTGRESQL}{match['user']}@{host}:{port}/{match['database']}"


def key_id(raw: object) -> str:
    """A public key id: 64 lower-case hex digits."""
    digits = text(raw)
    if not _KEY_ID.fullmatch(digits):
        raise ValueError(f"{quoted(digits)} is no public key id; write its 64 lower-case hex digits in quotes")
    return digits


def digest(raw: object) -> Digest:
    """`sha256:` and 64 lower-case hex digits."""
    written = text(raw)
    try:
        return Digest(written)
    except DigestInvalid:
        raise ValueError(f"{quoted(written)} is no digest; write sha256: and its 64 lower-case hex digits") from None


def _web_url(raw: object) -> URL:
    written = text(raw)
    try:
        url = URL(written)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not _URL_HOST.fullmatch(url.raw_host or "") or url.port == 0:
        raise ValueError("this is no URL; write http:// or https://, host and port, such as https://registry:5000")
    if "@" in written:
        raise ValueError("this URL has a user name in it; move it to a file and name that as credentials_file")
    if not _URL.fullmatch(written):
        raise ValueError("this URL has more than host, port and path; remove queries, fragments and escaped characters")
    return url


def _is_port(digits: str) -> bool:
    return bool(_PORT.fullmatch(digits)) and int(digits) <= _HIGHEST_PORT
