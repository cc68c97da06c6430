"""`tagwarden explain`: why an image is served or refused, and what to run next."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from proxy.cli.exits import exit_code
from proxy.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, read_settings
from proxy.cli.screen import console, say_next

if TYPE_CHECKING:
    from proxy.config.settings import Settings
    from proxy.explanation.known import Known
    from proxy.explanation.story import Story
    from proxy.names import Reference

_STYLES: Final = {
    "title": "bold",
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
    "dim": "dim",
    "command": "cyan",
    "plain": "",
}


def explain(
    image: Annotated[str, typer.Argument(metavar="REF", help="repository[:tag] or repository@sha256:...")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Tell why an image would be served or refused, under enforce: rule, signers, chain of trust, what to run next."""
    import uvloop

    from proxy.cli.deciding import read_image
    from proxy.explanation import as_json as shaped
    from proxy.explanation import tell

    settings = read_settings(config)
    reference, name = read_image(image, settings)
    options = () if config == DEFAULT_CONFIG else ("-c", str(config))
    known = uvloop.run(_gather(settings, reference, name, options))
    story = tell(known)
    if as_json:
        import json

        print(json.dumps(shaped(story), indent=2))
    else:
        _print(story)
    own = next((step.words for step in story.steps if step.words[:1] == ("tagwarden",)), None)
    if own:
        say_next(*own)
    raise typer.Exit(exit_code(known.decision.refusal))


async def _gather(settings: "Settings", reference: "Reference", name: str | None, options: tuple[str, ...]) -> "Known":
    from proxy.cli.asking import asking
    from proxy.explanation import gather

    async with asking(settings) as (parts, remembers):
        return await gather(parts, reference, settings.notaries, has_store=remembers, options=options, name=name)


def _print(story: "Story") -> None:
    """Print with colours on a terminal; text is text there, whatever it looks like."""
    from rich.text import Text

    from proxy.explanation import lines

    screen = console()
    for line in lines(story):
        screen.print(Text.assemble(*((text, _STYLES[tone]) for text, tone in line)), soft_wrap=True)
