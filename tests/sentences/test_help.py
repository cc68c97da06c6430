"""What somebody reads who asks for help with typing."""

import pytest

from tests.sentences.transcripts import Transcript


def test_completion_for_a_shell_that_is_not_known(transcript: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shells are named; without a word the one of this terminal counts, if there is any."""
    transcript.situation("Another shell.")
    assert transcript.run("tagwarden --show-completion tcsh") == 2
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    transcript.situation("The shell of this terminal is another one.")
    assert transcript.run("tagwarden --install-completion") == 2
    monkeypatch.delenv("SHELL")
    transcript.situation("This terminal names no shell.")
    assert transcript.run("tagwarden --install-completion") == 2
    transcript.check("completion")


def test_completion_that_cannot_be_installed(transcript: Transcript) -> None:
    """The home is not to be written, and there is another way."""
    transcript.situation("A home that is no directory.")
    transcript.write("home", "")
    home = str(transcript.directory / "home")
    assert transcript.run("tagwarden --install-completion", {"HOME": home, "SHELL": "/bin/bash"}) == 2
    transcript.check("completion-home")


def test_words_that_are_not_right(transcript: Transcript) -> None:
    """What was meant is named, as far as it can be told."""
    transcript.situation("Words of other programs.")
    for word in ("sign shop/api:1.4", "check", "help", "run", "veryfi shop/api"):
        assert transcript.run(f"tagwarden {word}") == 2
    transcript.situation("An option before its command, and one that no command has.")
    transcript.write("config.yaml", "version: 1\n")
    assert transcript.run("tagwarden -c config.yaml verify shop/api") == 2
    assert transcript.run("tagwarden config --strict check") == 2
    assert transcript.run("tagwarden --strikt config check") == 2
    assert transcript.run("tagwarden verify --jsn shop/api") == 2
    transcript.situation("A value that an option does not take.")
    assert transcript.run("tagwarden verify --print tag shop/api") == 2
    transcript.situation("A command that takes no file, and no second image.")
    assert transcript.run("tagwarden serve config.yaml") == 2
    assert transcript.run("tagwarden explain shop/api shop/web") == 2
    transcript.check("typing")


def test_no_configuration(transcript: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it was looked for, and how another is named; a file where an image is wanted was meant as one."""
    monkeypatch.setattr("proxy.cli.mistakes.os.path.lexists", lambda _: False)
    transcript.write("live/config.yaml", "version: 1\n")
    transcript.situation("Nobody has put a configuration where it is looked for.")
    for command in (
        "serve",
        "verify shop/api",
        "explain shop/api",
        "config check",
        "doctor",
        "pin",
        "inspect shop/api",
    ):
        assert transcript.run(f"tagwarden {command}") == 2
    transcript.situation("It was named without its option.")
    for command in ("config check", "doctor", "verify"):
        assert transcript.run(f"tagwarden {command} live/config.yaml") == 2
    transcript.check("no-configuration")
