"""Only regular files are opened to be read: nothing else can keep the reader waiting."""

import errno
import os
from pathlib import Path

import pytest

from proxy.regular import NotRegular, open_regular


def test_a_file_is_opened(tmp_path: Path) -> None:
    """As well through a link, where that may be followed."""
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with open_regular(tmp_path / name) as file:
            assert file.read() == b"content"


def test_a_link_is_refused_where_none_is_expected(tmp_path: Path) -> None:
    """Whoever resolved the path before does not want it to lead elsewhere meanwhile."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(OSError) as refused:  # noqa: PT011  (its number is looked at)
        open_regular(tmp_path / "link", follow=False)
    assert refused.value.errno == errno.ELOOP


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe into which nobody writes, and a device that never ends; and then nobody reads from it any more."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(NotRegular, match="it is no regular file"):
            open_regular(path)
    with pytest.raises(OSError) as alone:  # noqa: PT011  (its number is looked at)
        os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK)
    assert alone.value.errno == errno.ENXIO


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("none", FileNotFoundError, id="not there"),
        pytest.param(".", IsADirectoryError, id="directory"),
        pytest.param("a\0b", ValueError, id="no path"),
    ],
)
def test_what_cannot_be_opened_is_told(tmp_path: Path, name: str, expected: type[Exception]) -> None:
    """As the system has it."""
    with pytest.raises(expected):
        open_regular(tmp_path / name)
