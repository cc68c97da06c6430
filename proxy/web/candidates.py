"""The candidates listener: scanners and co-signers pull what is not signed yet, so nothing is decided about reads.

Who may come in at all is the listener's business: it asks for a client certificate (design: Pushers and candidates).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.names import Digest, Reference, Repository, Tag
from proxy.policy.decisions import Decision, Unenforced, candidate
from proxy.policy.entries import Mode
from proxy.registry.headers import ClientCredentials
from proxy.web.deciding import Resolver


@dataclass(frozen=True, slots=True)
class Candidates:
    """A resolver that lets every read pass, marked `not-enforced`; `usual` knows the modes of repositories."""

    usual: Resolver

    def relaxed(self, repository: Repository) -> Unenforced:
        """Permission for a whole repository, in any mode."""
        usual = self.usual.relaxed(repository)
        return candidate(Mode.ENFORCE if usual is None else usual.mode)

    def check_blocked(self, _repository: Repository, _digest: Digest) -> None:
        """Let it pass: what is blocked may have to be looked into."""

    def lists_signed_tags(self, _repository: Repository) -> bool:
        """All tags are listed."""
        return False

    def whereabouts(self, repository: Repository, *, name: str | None = None) -> Mapping[str, str]:
        """As anywhere."""
        return self.usual.whereabouts(repository, name=name)

    async def resolve(
        self, reference: Reference, _credentials: ClientCredentials, *, name: str | None = None
    ) -> Decision:
        """Let it pass, without asking Notary."""
        del name
        permission = self.relaxed(reference.repository)
        return Decision(reference, permission.mode, permission=permission)

    async def resolve_blob(
        self, repository: Repository, digest: Digest, credentials: ClientCredentials, *, name: str | None = None
    ) -> Decision:
        """Let it pass."""
        return await self.resolve(Reference(repository, digest), credentials, name=name)

    async def signed_tags(self, repository: Repository, *, name: str | None = None) -> frozenset[Tag]:
        """As anywhere; nobody asks, since all tags are listed."""
        return await self.usual.signed_tags(repository, name=name)
