"""The shape of the file: which keys there are and what their values look like, one by one.

The JSON Schema, the reference page and the sentences about unknown and missing keys come from these models:
a description is also what a person reads who left the key out. What values mean together, and whether names
and files exist, is the matter of `building`.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from proxy.config.fields import RegistryName, Scope, Shape, Texts, Workers, otherwise
from proxy.config.policy_shape import (
    BlockedShape,
    DefaultsShape,
    EntryShape,
    ExceptionShape,
    IncludedEntryShape,
    OwnerShape,
    RolloutChoice,
    RootShape,
    SignerShape,
)
from proxy.config.server_shape import (
    CandidatesShape,
    ListenShape,
    LogShape,
    NotaryShape,
    ProbesShape,
    RegistryShape,
    TracingShape,
    TrustStoreShape,
)

_VERSION: Final = "this program reads version 1 of the format; write version: 1"


class FileShape(Shape):
    """The main file."""

    version: Annotated[Literal[1], otherwise(_VERSION)] = Field(description="version of this format: 1")
    name: RegistryName = Field(description="host[:port] by which clients name this registry in images")
    listen: ListenShape = Field(ListenShape(), description="where clients are served")
    candidates: CandidatesShape | None = Field(None, description="where scanners and co-signers are served everything")
    probes: ProbesShape = Field(ProbesShape(), description="where health is asked for")
    workers: Workers = Field(
        1, description="how many processes serve clients together, or auto for one per core; 1 if absent"
    )
    registry: RegistryShape = Field(description="the registry behind this proxy")
    trust_store: TrustStoreShape = Field(TrustStoreShape(), description="where verified trust data is remembered")
    log: LogShape = Field(LogShape(), description="what the program writes, and where its audit stream goes")
    tracing: TracingShape | None = Field(None, description="where traces are sent; nowhere if absent")
    notaries: dict[str, NotaryShape] = Field({}, description="the Notary servers, by a name of your choice")
    roots: dict[str, RootShape] = Field({}, description="what anchors trust data, by a name of your choice")
    signers: dict[str, SignerShape] = Field({}, description="who signs, by the name of the delegation")
    defaults: DefaultsShape = Field(DefaultsShape(), description="what holds for entries that do not say otherwise")
    repositories: dict[str, EntryShape] = Field({}, description="who must sign what, by patterns of repositories")
    rollout: dict[str, RolloutChoice] = Field({}, description="how far this is rolled out, by patterns of repositories")
    exceptions: list[ExceptionShape] = Field([], description="digests that are served unsigned until an instant")
    blocked: list[BlockedShape] = Field([], description="digests and keys that count no longer, whatever else is said")
    owners: dict[str, OwnerShape] = Field({}, description="whom people should ask, by a name of your choice")
    include: Texts = Field([], description="files with signers and repositories of their own, or patterns of files")


class IncludedShape(Shape):
    """A file that `include` names: what somebody else may say of some repositories."""

    scope: Scope = Field(description="pattern of the repositories that this file is about")
    signers: dict[str, SignerShape] = Field({}, description="who signs, for the entries of this file alone")
    repositories: dict[str, IncludedEntryShape] = Field({}, description="who must sign what, within the scope")
