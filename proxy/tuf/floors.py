"""Version floors: what was accepted once may not go back, nor change under its number (S5)."""

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.errors import Rollback
from proxy.names import RoleName
from proxy.tuf.metadata import version_in


@dataclass(frozen=True, slots=True)
class Floors:
    """The raw files that were accepted before, by role; they were verified when they were."""

    files: Mapping[RoleName, bytes]

    def check(self, role: RoleName, version: int, data: bytes) -> None:
        """Hold a file against the one accepted before. Raises `Rollback`, or `MetadataCorrupt` for damaged memory."""
        remembered = self.files.get(role)
        if remembered is None or remembered == data:
            return
        floor = version_in(role, remembered)
        if version < floor:
            raise Rollback(role, f"from version {floor} to {version}")
        if version == floor:
            raise Rollback(role, f"version {version} changed under its number")

    def without(self, *roles: RoleName) -> "Floors":
        """The same floors, some of them fallen."""
        return Floors({role: data for role, data in self.files.items() if role not in roles})
