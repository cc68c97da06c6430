"""The command line as a whole: it starts at once, fails in a sentence, and lets shells complete it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from proxy import __version__
from proxy.cli.app import main
from proxy.cli.help import SHELLS

_HEAVY: Final = {
    *("aiohttp", "alembic", "asyncio", "cachetools", "cryptography", "orjson", "pydantic", "rich", "ruamel"),
    *("sqlalchemy", "structlog", "uvloop", "yarl", "proxy.config", "proxy.store", "proxy.tuf", "proxy.web"),
}
_BIN: Final = Path(sys.executable).parent


def _run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Type some words; how it ends."""
    monkeypatch.setattr(sys, "argv", ["tagwarden", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code if isinstance(ended.value.code, int) else 0


def _loaded_after(statement: str) -> set[str]:
    code = f"import sys\ntry:\n    {statement}\nexcept SystemExit:\n    pass\nprint(*sys.modules, file=sys.stderr)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(told.stderr.split())


@pytest.mark.parametrize(
    "words",
    [
        pytest.param((), id="import"),
        pytest.param(("--help",), id="help"),
        pytest.param(("--version",), id="version"),
        pytest.param(("verify", "--help"), id="help-of-a-command"),
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(words: tuple[str, ...]) -> None:
    """Whoever asks for help or completes a word does not wait for servers, cryptography and databases to load."""
    run = f"import proxy.cli.app; sys.argv = ['tagwarden', *{words!r}]; {'proxy.cli.app.main()' if words else ''}"
    loaded = _loaded_after(run)
    assert "proxy.cli.verify" in loaded
    assert loaded & _HEAVY == set()


def test_the_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints name and version alone."""
    assert _run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"tagwarden {__version__}\n"


@pytest.mark.parametrize("words", [pytest.param((), id="top"), pytest.param(("config",), id="group")])
def test_without_a_command_there_is_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """A person who does not know what to type is shown what can be typed; for a script it is a mistake."""
    assert _run(monkeypatch, *words) == 2
    assert capsys.readouterr().out.startswith("Usage: tagwarden")


@pytest.mark.parametrize(
    ("words", "sentence", "following"),
    [
        pytest.param(("verfy",), "no such command 'verfy'. Did you mean 'verify'?", "tagwarden --help", id="command"),
        pytest.param(
            ("config", "chek"), "no such command 'chek'. Did you mean 'check'", "tagwarden config --help", id="nested"
        ),
        pytest.param(
            ("verify", "--jsn", "a"),
            "no such option: --jsn. Did you mean --json?",
            "tagwarden verify --help",
            id="option",
        ),
        pytest.param(("verify", "--nothing-like-it"), "no such option: --nothing-like-it", "", id="unlike-any"),
        pytest.param(("verify",), "missing argument 'REF'.", "tagwarden verify --help", id="no-reference"),
        pytest.param(("sign-command", "a", "b"), "got unexpected extra argument (b)", "", id="one-too-many"),
    ],
)
def test_a_mistake_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    sentence: str,
    following: str,
) -> None:
    """What is wrong, the nearest word that is right, and where to read on: never a page of usage."""
    assert _run(monkeypatch, *words) == 2
    shown = capsys.readouterr()
    said, following_line = shown.err.splitlines()
    assert shown.out == ""
    assert said.startswith(f"tagwarden: {sentence}")
    assert following_line.startswith(f"next: {following}")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_each_shell_can_be_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    """The name of the shell may be given, where there is none to be found out."""
    assert _run(monkeypatch, "--show-completion", shell) == 0
    assert f"_TAGWARDEN_COMPLETE=complete_{shell}" in capsys.readouterr().out


def test_a_shell_that_is_not_known(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence names those that are."""
    assert _run(monkeypatch, "--install-completion", "tcsh") == 2
    assert "is for one of bash, zsh, fish, not for 'tcsh'" in capsys.readouterr().err


def test_without_a_name_it_is_the_persons_own_shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`$SHELL` says which; where it says nothing, the person is asked to."""
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert _run(monkeypatch, "--show-completion") == 0
    assert "complete_fish" in capsys.readouterr().out
    monkeypatch.delenv("SHELL")
    assert _run(monkeypatch, "--show-completion") == 2
    assert "name one after it" in capsys.readouterr().err


def test_completion_can_be_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The script is written to the person's home, and their shell reads it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _run(monkeypatch, "--install-completion", "bash") == 0
    script = tmp_path / ".bash_completions" / "tagwarden.sh"
    assert "complete -o default -F" in script.read_text()
    assert str(script) in (tmp_path / ".bashrc").read_text()


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        pytest.param("ver", {"verify"}, id="command"),
        pytest.param("config ch", {"check"}, id="nested-command"),
        pytest.param("verify --js", {"--json"}, id="option"),
        pytest.param("sign-command --ro", {"--role"}, id="option-with-a-value"),
        pytest.param("--install-completion ver", {"verify"}, id="after-an-option"),
        pytest.param("xyz", set[str](), id="nothing"),
    ],
)
def test_bash_completes(tmp_path: Path, typed: str, completed: set[str]) -> None:
    """The script that is shown makes a real bash complete commands and options."""
    words = f"tagwarden {typed}".split()
    line = f"""
        source <(tagwarden --show-completion bash)
        COMP_WORDS=({" ".join(words)}) COMP_CWORD={len(words) - 1}
        _tagwarden_completion tagwarden
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = {"PATH": f"{_BIN}{os.pathsep}/usr/bin:/bin", "HOME": str(tmp_path)}
    told = subprocess.run(
        ["/bin/bash", "--norc", "-c", line], capture_output=True, text=True, check=True, env=environment
    )
    assert set(told.stdout.split()) == completed, told.stderr
