"""What the help of each command adds to its options: the panel it stands in, examples, what its exit codes say.

The same table makes the man page and docs/commands.md, so that a person reads one text everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

RUN: Final = "Run"
ASK: Final = "Ask"
SET_UP: Final = "Set up"
KEEP: Final = "Keep"

_DONE: Final = "Done."
_MISTAKEN: Final = "The command line or the configuration is mistaken."

_STORE: Final = "The command line or the configuration is mistaken, or a trust store cannot be used."
_AWAY: Final = "The database of the trust store cannot be reached."
_UNTOLD: Final = "Something could not be decided: a server is away, or the clock of this machine is behind."

_TRIAL: Final = """\\
    --name registry.example.com --registry http://127.0.0.1:5001 \\
    --notary https://notary.example.com:4443"""


@dataclass(frozen=True, slots=True)
class Page:
    """`panel` groups the commands of the first level; `exits` says in a sentence what each exit code means."""

    panel: str
    examples: tuple[str, ...]
    exits: Mapping[int, str]


PAGES: Final[Mapping[str, Page]] = {
    "serve": Page(
        RUN,
        (
            "tagwarden serve",
            "tagwarden serve -c /srv/tagwarden/config.yaml",
            f"tagwarden serve --audit {_TRIAL}",
        ),
        {
            0: "It was asked to stop, and finished what it had begun.",
            2: "Command line or configuration is mistaken, a port is in use, or the trust store cannot be used.",
            3: _AWAY,
        },
    ),
    "verify": Page(
        ASK,
        (
            "tagwarden verify shop/api:1.4",
            "tagwarden verify --print digest shop/api:1.4",
            "tagwarden verify --via http://127.0.0.1:5000 --wait 60s shop/api:1.4",
        ),
        {
            0: "It would be served, signed as it must be; with --expect refused: it is refused.",
            1: "It is refused; with --expect refused: it is not.",
            2: "The command line, the configuration or the login is mistaken.",
            3: "It could not be decided, as in an outage, or is served without anybody having to sign it.",
        },
    ),
    "explain": Page(
        ASK,
        ("tagwarden explain shop/api:1.4", "tagwarden explain --json shop/api"),
        {
            0: "It would be served, under enforce.",
            1: "It would be refused, under enforce.",
            2: _MISTAKEN,
            3: "It could not be decided.",
        },
    ),
    "inspect": Page(
        ASK,
        ("tagwarden inspect shop/api", "tagwarden inspect --pretty shop/api:1.4"),
        {
            0: "There is trust data, and it verifies; as docker does, for a tag that is not signed too.",
            1: "There is none, it does not verify, or no tag is signed for the digest that was asked for.",
            2: _MISTAKEN,
            3: "It could not be read.",
        },
    ),
    "doctor": Page(
        ASK,
        ("tagwarden doctor", "tagwarden doctor --json -c /srv/tagwarden/config.yaml"),
        {
            0: "Nothing failed; there may be warnings.",
            1: "Something should be mended.",
            2: _MISTAKEN,
            3: "Nothing could be tested.",
        },
    ),
    "propose": Page(
        SET_UP,
        (f"tagwarden propose --directory proposed {_TRIAL}",),
        {
            0: "The configuration is written.",
            1: "It is written, but something in it has to be looked at; or no trust data verifies.",
            2: _MISTAKEN,
            3: "Registry or Notary could not be read, and nothing is written.",
        },
    ),
    "config check": Page(
        SET_UP,
        ("tagwarden config check", "tagwarden config check shop/api:1.4", "tagwarden config check --effective"),
        {
            0: "It is right.",
            1: "REF has no entry, or there are warnings and --strict takes them for findings.",
            2: "It is not: every problem is named with its file and line.",
        },
    ),
    "config schema": Page(SET_UP, ("tagwarden config schema > tagwarden.schema.json",), {0: _DONE}),
    "pin": Page(
        SET_UP,
        ("tagwarden pin shop/api", 'tagwarden pin "shop/**"'),
        {0: _DONE, 1: "Some trust data does not verify.", 2: _MISTAKEN, 3: "Notary or the registry could not be read."},
    ),
    "sign-command": Page(
        SET_UP,
        ("tagwarden sign-command shop/api:1.4", "tagwarden sign-command shop/api:1.4 --role alice --role ci"),
        {
            0: _DONE,
            1: "The registry does not have the tag, or trust data does not verify.",
            2: _MISTAKEN,
            3: "The registry or Notary could not be read.",
        },
    ),
    "trust init": Page(KEEP, ("tagwarden trust init",), {0: "It is there, new or not.", 2: _STORE, 3: _AWAY}),
    "trust list": Page(
        KEEP,
        ("tagwarden trust list", "tagwarden trust list --json"),
        {0: _DONE, 1: "Something in it is damaged.", 2: _STORE, 3: _AWAY},
    ),
    "trust show": Page(
        KEEP,
        ("tagwarden trust show shop/api", "tagwarden trust show registry.example.com/shop/api"),
        {0: _DONE, 1: "Nothing is remembered of it.", 2: _STORE, 3: _AWAY},
    ),
    "trust forget": Page(
        KEEP,
        ('tagwarden trust forget shop/api --reason "collection made anew, OPS-512"',),
        {0: "It is forgotten.", 1: "There was nothing to forget.", 2: _STORE, 3: _AWAY},
    ),
    "trust export": Page(
        KEEP,
        (
            "tagwarden trust export --directory bundle",
            "tagwarden trust export --directory bundle --from-notary shop/api shop/web",
        ),
        {
            0: _DONE,
            1: "Some of it does not verify, and was not written.",
            2: _STORE,
            3: "Notary could not be read, or the database of the trust store.",
        },
    ),
    "trust import": Page(
        KEEP,
        ("tagwarden trust import bundle", "tagwarden trust import bundle shop/api"),
        {0: "All of it is remembered now, or was already.", 1: "Some of it was refused.", 2: _STORE, 3: _UNTOLD},
    ),
    "trust backup": Page(
        KEEP,
        ("tagwarden trust backup /backup/trust.tagwarden",),
        {
            0: _DONE,
            1: "Something in the trust store is damaged, and not in the backup; or it remembers nothing.",
            2: _STORE,
            3: _AWAY,
        },
    ),
    "trust restore": Page(
        KEEP,
        ("tagwarden trust restore /backup/trust.tagwarden",),
        {
            0: "All of it is remembered now, or something newer was already.",
            1: "Some of it was refused, or forgotten here before; or there is nothing in the backup.",
            2: "The backup is damaged, a trust store cannot be used, or command line or configuration are mistaken.",
            3: _UNTOLD,
        },
    ),
    "trust copy": Page(
        KEEP,
        (
            "tagwarden trust copy --from sqlite:////var/lib/tagwarden/trust.db",
            "tagwarden trust copy --to postgresql://tagwarden@db/tagwarden \\\n    --password-file db.password",
        ),
        {
            0: "All of it is remembered there now, or something newer was already.",
            1: "Some of it was refused, is damaged, or was forgotten there before; or there is nothing to copy.",
            2: _STORE,
            3: _UNTOLD,
        },
    ),
    "trust rename": Page(
        KEEP,
        ("tagwarden trust rename corp corp-eu",),
        {
            0: "All of it is remembered under the new name.",
            1: "Some of it was refused, is damaged, or was forgotten under the new name.",
            2: _STORE,
            3: _UNTOLD,
        },
    ),
}
