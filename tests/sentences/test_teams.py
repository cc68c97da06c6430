"""What teams read who write their own files, and whoever includes them: what is wrong in which file."""

import os
import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.sentences.transcripts import Transcript
from tests.support.certificates import authority, pem
from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, public_pem

MISTAKES: Final = Path(__file__).parent / "mistakes"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        pytest.param("names", 2, id="which files are included"),
        pytest.param("scopes", 2, id="what each file is about, and may say"),
        pytest.param("weaker", 2, id="a team asks for less than the main file"),
        pytest.param("warnings", 0, id="what is allowed and should not go unnoticed"),
    ],
)
def test_files_full_of_mistakes(transcript: Transcript, name: str, status: int) -> None:
    """Each mistake is told with the file and the line where it is to be mended, even if another file is the reason."""
    equip(transcript, f"teams-{name}")
    (transcript.directory / "loop").symlink_to("loop")
    os.mkfifo(transcript.directory / "pipe.yaml")
    transcript.write("odd/a\x1b[2J.yaml", "")
    transcript.situation(f"mistakes/teams-{name}")
    assert transcript.run("tagwarden config check -c config.yaml") == status
    if name == "warnings":
        transcript.situation("An included file, checked by itself.")
        assert transcript.run("tagwarden config check -c teams/web.yaml") == 2
    transcript.check(f"configuration-teams-{name}")


def test_more_patterns_than_anybody_writes(transcript: Transcript) -> None:
    """Loading compares them with each other, and has to end."""
    equip(transcript, "teams-weaker")
    tags = "".join(f"      v{number}-*: {{signed_by: released}}\n" for number in range(129))
    entries = "".join(f"  web/{number}*: {{signed_by: released}}\n" for number in range(257))
    transcript.situation("Many patterns of tags.")
    transcript.write("teams/web.yaml", f"scope: web/**\nrepositories:\n  web/api:\n    tags:\n{tags}")
    assert transcript.run("tagwarden config check -c config.yaml") == 2
    transcript.situation("Many patterns of repositories.")
    transcript.write("teams/web.yaml", f"scope: web/**\nrepositories:\n{entries}")
    assert transcript.run("tagwarden config check -c config.yaml") == 2
    transcript.check("configuration-teams-many")


def equip(transcript: Transcript, name: str) -> None:
    """Put the files of a site of that name into the directory, with the keys that they name."""
    shutil.copytree(MISTAKES / name, transcript.directory, dirs_exist_ok=True)
    site = Site(transcript.directory)
    site.write("authority.crt", pem([authority("authority").certificate]))
    for place, people in (("", ("alice", "bob")), ("teams/", ("bob", "carol"))):
        for person in people:
            site.write(f"{place}{person}.pub", public_pem(ecdsa_key(person)))
