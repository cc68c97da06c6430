"""One end of the line between a worker and its supervisor."""

import asyncio
import socket
from contextlib import suppress
from typing import Generic, Self, TypeVar

from pydantic import TypeAdapter, ValidationError

from proxy.limits import CHANNEL_LINE_BYTES, CHANNEL_UNSENT_BYTES
from proxy.server.words import Word

_Heard = TypeVar("_Heard")


class Broken(Exception):
    """What was said cannot be understood."""


class Channel(Generic[_Heard]):
    """Says words, and hears those of the other end; neither ever waits for an end that does not listen."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hears: TypeAdapter[_Heard]) -> None:
        self._reader, self._writer, self._hears = reader, writer, hears
        self._has_hung_up = False

    @classmethod
    async def open(cls, line: socket.socket, hears: TypeAdapter[_Heard]) -> Self:
        """Take an end of a pair of sockets."""
        reader, writer = await asyncio.open_unix_connection(sock=line, limit=CHANNEL_LINE_BYTES)
        return cls(reader, writer, hears)

    def say(self, word: Word) -> bool:
        """Say something; False where it is lost: after hanging up, or where the other end has not listened for long."""
        if self._has_hung_up or self._writer.is_closing():
            return False
        if self._writer.transport.get_write_buffer_size() > CHANNEL_UNSENT_BYTES:
            return False
        self._writer.write(word.line())
        return True

    async def taken(self) -> bool:
        """Wait until the other end has taken most of what was said; False where it does not hear any more."""
        await asyncio.sleep(0)  # one that listens as fast as somebody speaks keeps nobody else waiting
        try:
            await self._writer.drain()
        except OSError:
            return False
        return not (self._has_hung_up or self._writer.is_closing())

    async def hear(self) -> _Heard | None:
        """The next word; None where the other end has hung up. Raises `Broken`, after which it can go on."""
        try:
            line = await self._reader.readline()
        except ValueError:
            raise Broken("a line is too long") from None
        except ConnectionError:
            return None
        if not line.endswith(b"\n"):
            return None
        try:
            return self._hears.validate_json(line)
        except ValidationError as error:
            [first, *_] = error.errors(include_url=False, include_context=False, include_input=False)
            raise Broken(f"{first['msg']} at {first['loc']}") from None

    def hang_up(self) -> None:
        """Say nothing more, and go on listening."""
        self._has_hung_up = True
        with suppress(OSError, RuntimeError):
            self._writer.write_eof()

    def close(self) -> None:
        """Neither say nor hear anything more."""
        self._writer.close()
