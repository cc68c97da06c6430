"""Pulls as kubelet has them made: calls of containerd's CRI, over its socket.

curl speaks the HTTP/2 below gRPC, and of the messages (`runtime/v1/api.proto` of Kubernetes) only the few fields that
matter here are written and read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import unquote

from deploy.stack.clients import Pull
from deploy.stack.commands import Outcome, run
from deploy.stack.containerd import Containerd
from deploy.stack.programs import program
from deploy.stack.web import Login

_OK: Final = 0
# The status codes of gRPC, in the words in which Go programs such as kubelet print them.
_CODES: Final = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
    "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable",
    "DataLoss", "Unauthenticated",
)  # fmt: skip
_WITH_LENGTH: Final = 2  # the wire type of protobuf for texts and messages; 0 is for numbers


class CriFailed(RuntimeError):
    """A call that had to succeed did not, or its answer cannot be read; the text has what came back."""


@dataclass(frozen=True)
class CriImage:
    """An image as containerd has it for kubelet; its digests are of manifests, with the repository before the `@`."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]


@dataclass(frozen=True)
class _Answer:
    outcome: Outcome
    message: bytes


def cri_pull(containerd: Containerd, reference: str, *, login: Login | None = None, server: str = "") -> Pull:
    """Have an image pulled as kubelet does; the output of a pull that failed is what stands in the pod's event.

    Args:
        containerd: One that serves CRI.
        reference: What stands in the pod, with a tag, a digest or both.
        login: The user name and password of an image pull secret.
        server: The registry that the credential says it is for; kubelet leaves that empty.
    """
    credential = b"" if login is None else _text(1, login.username) + _text(2, login.password)
    if server:
        credential += _text(4, server)
    answer = _call(containerd, "PullImage", _image_spec(reference) + (_field(2, credential) if credential else b""))
    if not answer.outcome.ok:
        return Pull(answer.outcome, None)
    image = image_status(containerd, reference)
    digests = [] if image is None else [digest.rpartition("@")[2] for digest in image.digests]
    return Pull(answer.outcome, digests[0] if digests else None)


def image_status(containerd: Containerd, reference: str) -> CriImage | None:
    """Return what containerd knows of an image, None if it has none of this name.

    Raises:
        CriFailed: It did not answer.
    """
    answer = _call(containerd, "ImageStatus", _image_spec(reference))
    found = dict(_fields(_must(answer))).get(1)
    if found is None:
        return None
    fields = [(number, value.decode()) for number, value in _fields(found) if number <= 3]
    ids, tags, digests = (tuple(text for number, text in fields if number == wanted) for wanted in (1, 2, 3))
    return CriImage(ids[0], tags, digests)


def remove_image(containerd: Containerd, reference: str) -> None:
    """Remove an image, and its other names with it.

    Raises:
        CriFailed: It could not.
    """
    _must(_call(containerd, "RemoveImage", _image_spec(reference)))


def _call(containerd: Containerd, method: str, message: bytes) -> _Answer:
    """Make one call; its error has the form in which kubelet prints it."""
    with TemporaryDirectory() as directory:
        headers, body = Path(directory) / "headers", Path(directory) / "body"
        called = run(
            [
                *(program("curl"), "--silent", "--show-error", "--http2-prior-knowledge"),
                *("--unix-socket", str(containerd.address)),
                *("--header", "Content-Type: application/grpc", "--header", "TE: trailers"),
                *("--dump-header", str(headers), "--output", str(body), "--data-binary", "@-"),
                f"http://localhost/runtime.v1.ImageService/{method}",
            ],
            home=containerd.directory,
            typed=b"\0" + len(message).to_bytes(4, "big") + message,
        )
        said = headers.read_text() if headers.exists() else ""
        answered = body.read_bytes() if body.exists() else b""
    trailers = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)
    if "grpc-status" not in trailers:  # with one, curl's own complaint is that it was not asked for the whole message
        return _Answer(called, b"")
    code = int(trailers["grpc-status"])
    if code == _OK:
        return _Answer(Outcome(called.command, 0, ""), answered[5:])
    error = f"rpc error: code = {_CODES[code]} desc = {unquote(trailers['grpc-message'])}"
    return _Answer(Outcome(called.command, code, error), b"")


def _must(answer: _Answer) -> bytes:
    if not answer.outcome.ok:
        raise CriFailed(answer.outcome.output)
    return answer.message


def _image_spec(reference: str) -> bytes:
    return _field(1, _text(1, reference))


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | _WITH_LENGTH]) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message that have a length, each with its number; numbers are passed over."""
    position = 0
    while position < len(message):
        key, position = _read_varint(message, position)
        value, position = _read_varint(message, position)
        match key & 0b111:
            case 0:
                continue
            case 2:
                yield key >> 3, message[position : position + value]
                position += value
            case kind:
                raise CriFailed(f"containerd answered with a field of type {kind}, which its image calls do not have")


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[position]
        number |= (byte & 0x7F) << shift
        shift, position = shift + 7, position + 1
        if byte < 0x80:
            return number, position
