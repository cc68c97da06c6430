"""The configuration itself: what it warns of, and how long the certificate of the listener holds."""

from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from proxy.config.settings import Settings
from proxy.doctor.findings import Hop, Name
from proxy.limits import DOCTOR_SOON_DAYS

_CERTIFICATE: Final = "listen.tls.certificate_file: "


def examine(hop: Hop, settings: Settings, now: datetime) -> None:
    """Repeat the warnings, and look at the certificate that clients see."""
    count = len(settings.policy.entries)
    hop.ok(Name.CONFIG, f"loads, {count} {'entry' if count == 1 else 'entries'} of `repositories`")
    for warning in settings.warnings:
        if _CERTIFICATE not in warning:
            what, _, remedy = warning.rpartition("; ")
            hop.warn(Name.CONFIG_WARNING, what or warning, remedy)
    if settings.listen.tls:
        known = next((each for each in settings.warnings if _CERTIFICATE in each), "")
        _examine_certificate(hop, settings.listen.tls.certificate_file.data, known, now)


def _examine_certificate(hop: Hop, pem: bytes, warning: str, now: datetime) -> None:
    """`warning` is what loading said of it: above all, that it is made out to another name."""
    name, until = Name.LISTEN_CERTIFICATE, x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc
    if until < now:
        hop.fail(name, f"the listener's certificate ran out on {until:%Y-%m-%d}: no client connects", "renew it")
    elif warning:
        what, _, remedy = warning.rpartition("; ")
        hop.warn(name, what, remedy)
    elif until - now < timedelta(days=DOCTOR_SOON_DAYS):
        hop.warn(name, f"the listener's certificate runs out on {until:%Y-%m-%d}", "renew it in time")
    else:
        hop.ok(name, f"the listener's certificate fits the name and is valid until {until:%Y-%m-%d}")
