"""The changefeed of a Notary with a memory or SQL back end, in memory (dialect 1.5).

feed = ChangefeedSimulator()
feed.publish("registry.example.com/shop/api")
status, body = feed.answer({"records": "100", "change_id": "-1"})
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from typing import Final

from aiohttp import web

PATH: Final = "/v2/_trust/changefeed"
_INVALID: Final = b'{"errors":[{"code":"INVALID_PARAMETERS","message":"The parameters provided are not valid."}]}\n'


@dataclass
class ChangefeedSimulator:
    """Records of a server, to add to, and what it answers. `asked` are the queries that it saw.

    `fault` is a status that it answers instead, `said` a body, `unknown_id` a status for any id but the newest.
    """

    records: list[dict[str, object]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    fault: int = 200
    unknown_id: int = 200
    said: bytes | None = None
    _ids: "count[int]" = field(default_factory=lambda: count(1))
    _versions: "count[int]" = field(default_factory=lambda: count(1))

    def publish(self, *guns: str) -> None:
        """Write a new timestamp for each collection."""
        for gun in guns:
            self.add(gun, next(self._ids))

    def delete(self, gun: str) -> None:
        """Delete a collection."""
        self.add(gun, next(self._ids), category="deletion")

    def begin(self) -> int:
        """Begin a transaction: take the next id, for `add` to use after others were used."""
        return next(self._ids)

    def add(self, gun: str, number: int, category: str = "update") -> None:
        """Add a record, where its id belongs."""
        version = next(self._versions)
        is_update = category == "update"
        record: dict[str, object] = {
            "ID": str(number),
            "CreatedAt": "2026-11-21T19:31:12.496423359Z",
            "GUN": gun,
            "Version": version if is_update else 0,
            "SHA256": sha256(f"{id(self)} {version}".encode()).hexdigest() if is_update else "",
            "Category": category,
        }
        self.records.append(record)
        self.records.sort(key=lambda each: int(str(each["ID"])))

    def restart(self) -> None:
        """Forget everything, as a server with a memory back end does; ids start over."""
        self.records.clear()
        self._ids = count(1)

    def answer(self, query: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body for a query."""
        self.asked.append(dict(query))
        if self.fault != 200 or self.said is not None:
            return self.fault, self.said or b""
        if self.unknown_id != 200 and query.get("change_id") != "-1":
            return self.unknown_id, b""
        try:
            most, after = int(query["records"]), int(query.get("change_id") or "0")
        except (KeyError, ValueError):
            return 400, _INVALID
        if after < 0:
            page = self.records[-most:]
        else:
            page = [each for each in self.records if int(str(each["ID"])) > after][: most or 100]
        return 200, json.dumps({"count": len(page), "records": page or None}).encode() + b"\n"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer over HTTP."""
        assert request.path == PATH
        status, body = self.answer(request.query)
        return web.Response(status=status, body=body)
