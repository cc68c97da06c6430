"""`tagwarden trust rename`: after a Notary got another name in the configuration."""

from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.exits import FINDINGS
from proxy.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, read_settings
from proxy.cli.screen import say
from proxy.cli.stores import one_notary, run, steps, tell, whoever, writing
from proxy.clock import Clock
from proxy.errors import UserError

if TYPE_CHECKING:
    from proxy.config.settings import Settings
    from proxy.trust.uniting import Union


def rename(
    old: Annotated[str, typer.Argument(metavar="OLD", help="What it was called, as trust list shows it.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="What the configuration calls it now.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Carry what is remembered of a Notary over to its new name: no version falls, and everything is verified."""
    settings = read_settings(config)
    one_notary(settings, new)
    if old in settings.notaries:
        raise UserError(
            f"{old} is a Notary of the configuration, which goes on counting: name one that is none any more"
        )
    union = run(_rename(settings, old, new, whoever()))
    status = tell(union.outcomes, as_json=as_json)
    for what in union.damaged:
        say(f"{what} is damaged in the trust store, and is not carried over")
    raise typer.Exit(max(status, FINDINGS) if union.damaged else status)


async def _rename(settings: "Settings", old: str, new: str, by: str) -> "Union":
    """Raises `UserError` where nothing is remembered of the old name."""
    from proxy.trust.belonging import Belonging
    from proxy.trust.renaming import Renaming
    from proxy.trust.uniting import Union
    from proxy.trust.verifying import Judge

    async with writing(settings.trust_store) as store:
        union = Union(store, Judge(Belonging.under(settings)), Clock())
        await union.begin()
        with steps("renaming") as (begin, step):
            async for _ in Renaming(union, old, new, by).carry(begin):
                step()
        if not union.outcomes and not union.damaged:
            raise UserError(f"nothing is remembered of Notary {old}: tagwarden trust list shows what is remembered")
        return union
