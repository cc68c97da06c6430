"""Commands as words, complete, so that they can be pasted into a shell."""

import re
import shlex
from typing import Final

from proxy.config.settings import NotarySettings
from proxy.explanation.known import Known
from proxy.names import Digest

_TRUST_DIRECTORY: Final = "~/.docker/trust"
_SIGN: Final = ("tagwarden", "sign-command")
_HOME: Final = re.compile(r"~/[A-Za-z0-9._/-]+")


class Commands:
    """What can be run about one reference."""

    def __init__(self, known: Known) -> None:
        """Take names and options from what is known."""
        self._known = known
        prefix = f"{known.name}/" if known.name else ""
        self._prefix = prefix
        self.repository = f"{prefix}{known.reference.repository}"
        self.reference = f"{prefix}{known.reference}"

    def own(self, command: str, *arguments: str) -> tuple[str, ...]:
        """A command of tagwarden, with the options of the one that tells it; a family's second word comes first."""
        return ("tagwarden", command, *arguments, *self._known.options)

    def instead(self, name: str) -> str:
        """Another tag, or the same tag of another repository, as it is typed."""
        return f"{self._prefix}{name}" if ":" in name else f"{self._prefix}{name}:{self._known.reference.target}"

    def is_of_signers(self, words: tuple[str, ...]) -> bool:
        """Whether a command is `sign`'s."""
        return words[:2] == _SIGN

    def sign(self, role: str) -> tuple[str, ...]:
        """What prints the commands of a signer; for a digest a tag has to be named first."""
        target = self._known.reference.target
        image = f"{self.repository}:TAG" if isinstance(target, Digest) else self.reference
        return self.own(_SIGN[1], image, "--role", role)

    def notary(self, command: str, *arguments: str) -> tuple[str, ...]:
        """A command of the notary client about the collection; it has its keys where docker trust keeps them."""
        notary = self._known.notary
        server = notary if isinstance(notary, NotarySettings) else None  # where a directory comes from, nobody knows
        where = ("-s", str(server.url)) if server else ()
        authority = ("--tlscacert", str(server.ca_file)) if server and server.ca_file else ()
        common = ("-d", _TRUST_DIRECTORY, *where, *authority)
        return ("notary", *common, *command.split(), str(self._known.gun), *arguments)


def typed(words: tuple[str, ...]) -> str:
    """Words as they are typed into a shell; a home directory stays what the shell finds it to be."""
    return " ".join(word if _HOME.fullmatch(word) else shlex.quote(word) for word in words)
