"""Explains one decision to a person: what was decided, why, and what to run next.

`gather` asks everybody who knows something and makes `Known`; `tell` makes a `Story` of it, without asking
anybody; `lines` lays a story out as text, `as_json` as data. Nothing here prints, and nothing here decides:
verdict and votes come from the resolver and from `proxy.policy`.
"""

from proxy.explanation.gathering import gather
from proxy.explanation.layout import lines
from proxy.explanation.shape import as_json
from proxy.explanation.telling import tell

__all__ = ["as_json", "gather", "lines", "tell"]
