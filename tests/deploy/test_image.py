"""The shipped Dockerfile: what the image that it describes has to be, held to the file itself."""

import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from proxy import __version__
from tests.deploy.manifests import ROOT, documents

_DOCKERFILE: Final = ROOT / "deploy" / "image" / "Dockerfile"


_LOCKS: Final = {"requirements.lock", "requirements-otel.lock"}


def instructions() -> list[tuple[str, str]]:
    """Each instruction and its argument, with continued lines joined, in order."""
    text = re.sub(r"^[ \t]*#.*\n", "", _DOCKERFILE.read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n[ \t]*", "", text).splitlines()
    return [(name, argument) for name, _, argument in (line.partition(" ") for line in lines if line)]


def pinned(lock: str) -> set[str]:
    """The packages of a lock, each with its version."""
    return set(re.findall(r"^[a-z0-9.-]+==[^ ]+(?= \\$)", (ROOT / lock).read_text(), flags=re.MULTILINE))


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, each beginning with its `FROM`."""
    found: list[list[tuple[str, str]]] = []
    for name, argument in instructions():
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append((name, argument))
    return found


def of(stage: list[tuple[str, str]], wanted: str) -> list[str]:
    """The arguments of all instructions of one kind."""
    return [argument for name, argument in stage if name == wanted]


def test_image_has_a_stage_that_builds_and_one_that_runs() -> None:
    """Both stages are of one base, which whoever builds can pin, and the second takes the environment alone."""
    build, final = stages()
    assert instructions()[0] == ("ARG", "BASE=python:3.11-slim-bookworm")
    assert build[0] == ("FROM", "${BASE} AS build")
    assert final[0] == ("FROM", "${BASE}")
    assert of(final, "COPY") == ["--from=build /opt/tagwarden /opt/tagwarden"]
    assert not of(build, "ADD") + of(final, "ADD")


def test_packages_are_installed_by_their_hashes() -> None:
    """What is downloaded is in the lock with its hash and is never run at build time; the project downloads nothing."""
    packages, project = [argument for argument in of(stages()[0], "RUN") if '"install"' in argument]
    for option in ("--require-hashes", "--no-deps", '"--only-binary", ":all:"', '"--requirement", "requirements.lock"'):
        assert option in packages
    for option in ("--no-index", "--no-deps", "--no-build-isolation"):
        assert option in project
    assert "LOCK=requirements.lock" in of(stages()[0], "ARG")
    assert "${LOCK} ./requirements.lock" in of(stages()[0], "COPY")
    for name in _LOCKS:
        lock = (ROOT / name).read_text()
        assert len(pinned(name)) > 30
        assert all(f"\n{package}==" in lock for package in ("hatchling", "psycopg"))
        assert lock.count("--hash=sha256:") >= len(pinned(name))


def test_traces_want_a_few_packages_more_and_none_in_another_version() -> None:
    """The lock with OpenTelemetry is the other one and what that needs; all of it is what the tests ran with."""
    bare, full, tested = map(pinned, ("requirements.lock", "requirements-otel.lock", "requirements-dev.lock"))
    assert bare < full <= tested
    assert {name.partition("==")[0] for name in full - bare} >= {
        "opentelemetry-sdk",
        "opentelemetry-exporter-otlp-proto-http",
    }


def test_image_runs_without_a_shell_and_without_root() -> None:
    """It starts the program itself, as a number that is not root, and nothing of it needs a shell."""
    _, final = stages()
    assert of(final, "USER") == ["65532:65532"]
    assert json.loads(of(final, "ENTRYPOINT")[0]) == ["/opt/tagwarden/bin/tagwarden"]
    assert json.loads(of(final, "CMD")[0]) == ["serve"]
    for argument in (*of(stages()[0], "RUN"), *of(final, "RUN")):
        assert isinstance(json.loads(argument[argument.index("[") :]), list)
    assert [name for name, _ in final].index("USER") > [name for name, _ in final].index("RUN")
    assert not of(final, "HEALTHCHECK")
    assert not of(final, "VOLUME")


def test_image_says_what_it_is() -> None:
    """Labels name version and licence as the project has them, and the ports are those of what is shipped."""
    _, final = stages()
    assert f"VERSION={__version__}" in of(final, "ARG")
    [labels] = of(final, "LABEL")
    assert 'org.opencontainers.image.licenses="Apache-2.0"' in labels
    assert 'org.opencontainers.image.version="${VERSION}"' in labels
    [configuration] = documents(ROOT / "deploy" / "compose" / "config.yaml")
    ports = {configuration[each]["address"].rpartition(":")[2] for each in ("listen", "probes")}
    assert set(of(final, "EXPOSE")[0].split()) == ports


def test_context_has_what_is_copied_and_no_more() -> None:
    """Everything that the build copies is in its context; keys, history and configurations are not."""
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    copied = {source for argument in of(stages()[0], "COPY") for source in argument.split()[:-1]}
    assert "*" in ignore
    assert "${LOCK}" in copied
    assert copied - {"${LOCK}"} == allowed - _LOCKS
    assert allowed >= _LOCKS
    assert all((ROOT / name).exists() for name in allowed)
    for kept_out in (".git", ".state", "deploy", "certs", ".venv"):
        assert not any(fnmatch(kept_out, pattern) for pattern in allowed)


def test_project_builds_from_the_context_alone() -> None:
    """What the build backend reads of this tree is copied: the readme and the licence that pyproject names."""
    copied = {source for argument in of(stages()[0], "COPY") for source in argument.split()[:-1]}
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert 'readme = "README.md"' in pyproject
    assert 'license-files = ["LICENSE"]' in pyproject
    assert {"README.md", "LICENSE", "pyproject.toml", str(Path("proxy"))} <= copied
