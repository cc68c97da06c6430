"""The checks that every server of the configuration has in common: the way to it, and what it means where that ends."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from yarl import URL

from proxy.doctor.findings import Hop, Name
from proxy.doctor.reaching import Step, Unreached, listen, reach
from proxy.doctor.schemes import other_scheme
from proxy.doctor.server import NoAnswer
from proxy.errors import UserError
from proxy.limits import DOCTOR_SOON_DAYS

_REMEDIES: Final = {
    Step.DNS: "mend {section}.url, or the name service of this machine",
    Step.CONNECT: "start it, open the way to it, or mend {section}.url",
    Step.TLS: "see whether it hangs; where it speaks no TLS at all, mend {section}.url",
    Step.CA: "name the authority that issued its certificate as {section}.ca_file",
    Step.CERTIFICATE_NAME: "have it issued for {host}, or write a name that it has into {section}.url",
    Step.CERTIFICATE_DATES: "renew it, and see whether the clock of this machine is right",
    Step.CLIENT_CERTIFICATE: "name one that it believes as {section}.client_certificate_file",
}
_SENTENCES: Final = {
    Step.DNS: "its name cannot be found: {why}",
    Step.CONNECT: "it cannot be connected to: {why}",
    Step.TLS: "TLS does not come about: {why}",
    Step.CA: "its certificate is from an authority that this proxy does not believe ({why})",
    Step.CERTIFICATE_NAME: "its certificate is {why}, and not for {host}",
    Step.CERTIFICATE_DATES: "its certificate does not hold now: {why}",
    Step.CLIENT_CERTIFICATE: "it wants a client certificate, and {shown}: {why}",
}


@dataclass(frozen=True, slots=True)
class Way:
    """The way to one server. `kind` begins the names of its findings, `section` is where it is configured."""

    hop: Hop
    kind: str
    section: str
    url: URL
    shows_certificate: bool
    now: datetime

    async def check(self, make_context: Callable[[], ssl.SSLContext]) -> ssl.SSLContext | None:
        """Check every step, and note up to where it goes; the context for https, None where it ends before.

        `make_context` raises `UserError` for files that cannot be used.
        """
        try:
            context = make_context()
            reached = await reach(self.url, context)
        except UserError as unusable:
            self.hop.fail(self.name(Step.TLS), *_two(str(unusable)))
            return None
        except Unreached as end:
            if end.step is not Step.TLS or not await self.is_of_the_other_scheme():
                self.note(end)
            return None
        self.hop.ok(self.name(Step.DNS), f"{self.url.host} is {', '.join(reached.addresses)}")
        self.hop.ok(self.name(Step.CONNECT), f"connects to {self.url.host}:{self.url.port}")
        if reached.valid_until:
            self._check_end(reached.valid_until)
        return context

    async def note_silence(self, failure: NoAnswer, context: ssl.SSLContext) -> None:
        """Note that the server hung up on a question: over what it misses in us, if that can be found out."""
        if self.url.scheme == "http" and await self.is_of_the_other_scheme():
            return
        try:
            if self.url.scheme == "https":
                await listen(self.url, context)
        except Unreached as end:
            self.note(end)
            return
        name, remedy = Name(f"{self.kind}-api"), f"see its log, and mend {self.section}.url"
        self.hop.fail(name, f"it does not answer: {failure}", remedy)

    async def is_of_the_other_scheme(self) -> bool:
        """Whether the address has the wrong scheme; then that is noted."""
        other = await other_scheme(self.url)
        if other:
            sentence = "it speaks plain HTTP" if other.scheme == "http" else "it wants TLS"
            self.hop.fail(self.name(Step.TLS), sentence, f"write {str(other).rstrip('/')} as {self.section}.url")
        return other is not None

    def note(self, end: Unreached) -> None:
        """Note where the way ends, and what is therefore not checked."""
        shown = "it does not like ours" if self.shows_certificate else "none is configured"
        facts = {"section": self.section, "host": self.url.host or "", "why": end.why, "shown": shown}
        sentence, remedy = _SENTENCES[end.step].format_map(facts), _REMEDIES[end.step].format_map(facts)
        self.hop.fail(self.name(end.step), sentence, remedy)

    def name(self, step: Step) -> Name:
        """What a finding about a step is called."""
        return Name(f"{self.kind}-{step}")

    def _check_end(self, until: datetime) -> None:
        if until - self.now < timedelta(days=DOCTOR_SOON_DAYS):
            name = self.name(Step.CERTIFICATE_DATES)
            self.hop.warn(name, f"its certificate runs out on {until:%Y-%m-%d}", "renew it in time")
        self.hop.ok(self.name(Step.TLS), f"its certificate is for {self.url.host} and valid until {until:%Y-%m-%d}")


def _two(sentence: str) -> tuple[str, str]:
    """What is wrong, and what to do, of a sentence that has both."""
    what, _, remedy = sentence.rpartition(": ")
    return what, remedy
