"""The servers that the proxy talks to, where it remembers what they said, and where it says what it does."""

from typing import Final

from yarl import URL

from proxy.config.document import Document, KeyPath
from proxy.config.files import Files
from proxy.config.pem import PemFile
from proxy.config.references import check_repeated
from proxy.config.server_shape import (
    ListenShape,
    LogShape,
    NotaryShape,
    RegistryShape,
    TracingShape,
    TrustStoreShape,
)
from proxy.config.settings import (
    POSTGRESQL,
    STDOUT,
    Blobs,
    BundleSettings,
    Delete,
    Doors,
    LogSettings,
    NotarySettings,
    Push,
    RegistrySettings,
    TracingSettings,
    TrustStoreSettings,
)
from proxy.config.tls import certificate_and_key
from proxy.config.values import is_loopback

_TLS_KEYS: Final = ("ca_file", "client_certificate_file", "client_key_file")
_SQLITE: Final = "sqlite:///"
_SERVER_KEYS: Final = (*_TLS_KEYS, "credentials_file", "timeout", "changefeed")
_NOWHERE: Final = URL("https://notary.invalid")
_EVERYBODY: Final = (
    "with it the registry takes every client for this proxy; ask clients for certificates (client_ca_file of "
    "listen.tls), or write anyone_may_read: true"
)
_EVERYBODY_WRITES: Final = (
    "the registry takes every client for this proxy, pushers too; write push: refuse and delete: refuse, "
    "or ask clients for certificates (client_ca_file of listen.tls)"
)


def registry(document: Document, shape: RegistryShape, main: ListenShape, files: Files) -> RegistrySettings:
    """Read what `registry` names; `main` says whether the proxy asks clients who they are."""
    at = ("registry",)
    _check_tls(document, at, shape.url, shape)
    _check_principal(document, shape, main)
    check_repeated(document, (*at, "redirect_hosts"), shape.redirect_hosts or [])
    certificate, key = _client_pair(document, at, shape, files)
    if shape.url.scheme == "http" and not is_loopback(shape.url):
        document.warn(
            (*at, "url"), "clients' credentials go to the registry in plain text; use https, or run it on loopback"
        )
    return RegistrySettings(
        url=shape.url,
        ca_file=files.authorities((*at, "ca_file"), shape.ca_file),
        credentials=files.credentials((*at, "credentials_file"), shape.credentials_file),
        client_certificate_file=certificate,
        client_key_file=key,
        redirect_hosts=frozenset(shape.redirect_hosts or ()),
        doors=Doors(Push(shape.push), Delete(shape.delete), Blobs(shape.blobs)),
    )


def notary(document: Document, name: str, shape: NotaryShape, files: Files) -> NotarySettings | BundleSettings:
    """Read what an entry of `notaries` names: a server, or a directory in its place."""
    at = ("notaries", name)
    if shape.dir is not None:
        _check_alone(document, at, shape)
        return BundleSettings(name, files.path(shape.dir).absolute())
    if shape.url is None and not any(document.was_cut((*at, key)) for key in ("url", "dir")):
        document.problem(at, "nothing says where its trust data is; add url (a Notary server), or dir (a directory)")
    url = shape.url or _NOWHERE  # settings with a problem are never used
    _check_tls(document, at, url, shape)
    certificate, key = _client_pair(document, at, shape, files)
    return NotarySettings(
        name=name,
        url=url,
        ca_file=files.authorities((*at, "ca_file"), shape.ca_file),
        client_certificate_file=certificate,
        client_key_file=key,
        credentials=files.credentials((*at, "credentials_file"), shape.credentials_file),
        timeout=shape.timeout.total_seconds(),
        changefeed=None if shape.changefeed == "off" else shape.changefeed.total_seconds(),
    )


def trust_store(document: Document, shape: TrustStoreShape, files: Files) -> TrustStoreSettings:
    """Read what `trust_store` names, and make the path of a file absolute."""
    at = ("trust_store",)
    if not shape.url.startswith(POSTGRESQL):
        for key in ("password_file", "ca_file"):
            if getattr(shape, key) is not None and not document.was_cut((*at, "url")):
                document.problem((*at, key), "this is for a database on a server; remove it")
        path = files.path(shape.url.removeprefix(_SQLITE)).absolute()
        return TrustStoreSettings(url=f"{_SQLITE}{path}", must_exist=shape.must_exist)
    return TrustStoreSettings(
        url=shape.url,
        must_exist=shape.must_exist,
        password=files.password((*at, "password_file"), shape.password_file),
        ca_file=files.authorities((*at, "ca_file"), shape.ca_file),
    )


def log(shape: LogShape, files: Files) -> LogSettings:
    """Read what `log` names; the audit file need not be there yet."""
    name = shape.audit_file
    path = None if name is None else STDOUT if name == str(STDOUT) else files.path(name).absolute()
    return LogSettings(shape.format, path)


def tracing(shape: TracingShape | None) -> TracingSettings | None:
    """Read `tracing`."""
    return None if shape is None else TracingSettings(shape.endpoint)


def _check_alone(document: Document, at: KeyPath, shape: NotaryShape) -> None:
    """A directory is read; what is about a server beside it means that somebody expects one to be asked."""
    if shape.url is not None:
        document.problem((*at, "dir"), "there is a url as well, and only one of them can be asked; remove one of them")
    for key in _SERVER_KEYS:
        if document.is_written((*at, key)):
            document.problem((*at, key), "this is about a server, and has no effect beside dir; remove this key")


def _check_tls(document: Document, at: KeyPath, url: URL, shape: NotaryShape | RegistryShape) -> None:
    """Files for TLS beside a URL without it mean that somebody expects protection that is not there."""
    if url.scheme == "https":
        return
    for key in _TLS_KEYS:
        if getattr(shape, key, None) is not None:
            document.problem((*at, key), "this has no effect without TLS; make the url https, or remove this key")


def _client_pair(
    document: Document, at: KeyPath, shape: NotaryShape | RegistryShape, files: Files
) -> tuple[PemFile, PemFile] | tuple[None, None]:
    """The client certificate and its key, if there are any."""
    certificate = ("client_certificate_file", shape.client_certificate_file)
    return certificate_and_key(document, files, at, certificate, ("client_key_file", shape.client_key_file)) or (
        None,
        None,
    )


def _check_principal(document: Document, shape: RegistryShape, main: ListenShape) -> None:
    """Behind a client certificate the registry takes everybody for the proxy: somebody has to want that.

    Without one, the permission does nothing today and would open the registry on the day one is added.
    """
    clients_are_known = (main.tls is not None and main.tls.client_ca_file is not None) or document.was_cut(
        ("listen", "tls")
    )
    may_write = shape.push != "refuse" or shape.delete != "refuse"
    at = ("registry", "anyone_may_read")
    named = ("client_certificate_file", "client_key_file")
    if all(getattr(shape, key) is None for key in named):
        if shape.anyone_may_read and not any(document.was_cut(("registry", key)) for key in named):
            document.problem(
                at, "this is about client_certificate_file, and there is none; remove this key, or add that one"
            )
    elif clients_are_known or document.was_cut(at):
        return
    elif not shape.anyone_may_read:
        document.problem(("registry", "client_certificate_file"), _EVERYBODY)
    elif may_write:
        document.warn(at, _EVERYBODY_WRITES)
