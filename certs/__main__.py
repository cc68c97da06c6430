"""Makes development certificates, and says where they go: `python -m certs stack`, `server` or `client`."""

from pathlib import Path
from typing import Annotated

import typer

from certs.authority import CLIENT, SERVER, AlreadyThere, Authority, Certificate, OtherName
from certs.placement import placement, placement_of_stack
from certs.stack import make_stack

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

Directory = Annotated[Path, typer.Argument(help="Where the authority is, or will be made.")]
Name = Annotated[str, typer.Argument(help="DNS name or IP address; also the name of the files.")]


@app.command()
def server(
    directory: Directory,
    name: Name,
    also: Annotated[list[str] | None, typer.Option(help="One more name or address; may be repeated.")] = None,
    address: Annotated[str | None, typer.Option(help="host:port in image names; default: the name itself.")] = None,
) -> None:
    """Make a server's certificate, and say where its parts go for docker, containerd, podman and notary."""
    pair = _issue(directory, name, tuple(also or ()), client=False)
    print(placement(address or name, Authority(directory).certificate_file, pair))


@app.command()
def stack(
    directory: Directory,
    name: Annotated[str, typer.Argument(help="The registry's name in image names, as host or host:port.")],
    notary: Annotated[str, typer.Option(help="host[:port] of the Notary server, as those who sign reach it.")],
) -> None:
    """Make all certificates of a proxy, its registry and its Notary, and say where each of them goes."""
    try:
        made = make_stack(directory, name, notary)
    except (AlreadyThere, OtherName, ValueError) as refusal:
        print(refusal)
        raise typer.Exit(2) from refusal
    print(placement_of_stack(name, notary, Authority(directory).certificate_file, made))


@app.command()
def client(directory: Directory, name: Name) -> None:
    """Make a client's certificate, such as the Notary server's own towards its signer."""
    pair = _issue(directory, name, (), client=True)
    print(f"{pair.certificate_file}: the client's certificate, {pair.key_file}: its key")


def _issue(directory: Path, name: str, also: tuple[str, ...], *, client: bool) -> Certificate:
    try:
        return Authority.open(directory).issue(name, *also, usages=(CLIENT if client else SERVER,))
    except (AlreadyThere, ValueError) as refusal:
        print(refusal)
        raise typer.Exit(2) from refusal


if __name__ == "__main__":
    app(prog_name="python -m certs")
