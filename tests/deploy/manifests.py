"""Reads what is shipped for Kubernetes as `kubectl apply -k` would, and lays a pod's files out as kubelet does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

ROOT: Final = Path(__file__).parents[2]
KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
FORMS: Final = ("sidecar", "standalone")

Manifest = Mapping[str, Any]


def documents(file: Path) -> list[Any]:
    """All documents of a file of YAML."""
    return list(YAML(typ="safe", pure=True).load_all(file.read_text()))


@dataclass(frozen=True)
class Form:
    """One of the shipped forms: what its kustomization makes of its files."""

    name: str

    @property
    def directory(self) -> Path:
        """Where its files are."""
        return KUBERNETES / self.name

    @property
    def kustomization(self) -> Manifest:
        """What says which files belong to it."""
        [content] = documents(self.directory / "kustomization.yaml")
        loaded: Manifest = content
        return loaded

    def manifests(self) -> list[Manifest]:
        """Everything that is applied but the generated ConfigMaps, those of directories that it names first."""
        return [document for file in _resources(self.directory) for document in documents(file)]

    def generated(self) -> dict[str, dict[str, Path]]:
        """The generated ConfigMaps by name: their keys, and the files that stand under these."""
        made = {}
        for each in self.kustomization["configMapGenerator"]:
            pairs = [name.rpartition("=") for name in each["files"]]
            made[each["name"]] = {key or file: self.directory / file for key, _, file in pairs}
        return made

    def only(self, kind: str, name: str | None = None) -> Manifest:
        """The one manifest of a kind, or the one that has this name too."""
        [found] = [
            each for each in self.manifests() if each["kind"] == kind and name in (None, each["metadata"]["name"])
        ]
        return found

    def workloads(self) -> list[Manifest]:
        """Everything that starts pods, those too that are applied by hand."""
        extra = [document for file in self.directory.glob("trust-init.yaml") for document in documents(file)]
        return [each for each in (*self.manifests(), *extra) if "template" in each.get("spec", {})]


def _resources(directory: Path) -> Iterator[Path]:
    [kustomization] = documents(directory / "kustomization.yaml")
    for name in kustomization["resources"]:
        path = directory / name
        if path.is_dir():
            yield from _resources(path)
        else:
            yield path


def lay_out(volume: Manifest, directory: Path, sources: Mapping[str, Mapping[str, bytes]]) -> None:
    """Lay out a projected volume as kubelet does: files in a hidden directory, and links to them.

    Args:
        volume: As it stands under `volumes`.
        directory: Where it is mounted.
        sources: The contents of ConfigMaps and Secrets, by name and key.
    """
    hidden = directory / "..2026_11_22"
    hidden.mkdir(parents=True)
    (directory / "..data").symlink_to(hidden.name)
    mode = volume["projected"]["defaultMode"]
    for projected in volume["projected"]["sources"]:
        [source] = projected.values()
        contents = sources[source["name"]]
        items = source.get("items") or [{"key": key, "path": key} for key in contents]
        for item in items:
            file = hidden / item["path"]
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(contents[item["key"]])
            file.chmod(mode)
            top = item["path"].partition("/")[0]
            if not (directory / top).is_symlink():
                (directory / top).symlink_to(Path("..data") / top)
