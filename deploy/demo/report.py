"""The table at the end of the demo, and what to try next."""

from rich import box
from rich.table import Table
from rich.text import Text

from deploy.demo.pulling import Seen
from deploy.demo.stage import Stage
from deploy.stack.people import PASSPHRASE
from deploy.stack.programs import program
from deploy.stack.proxy import tagwarden


def table(seen: list[Seen]) -> Table:
    """Return a table of requests, what was expected, what was seen and why."""
    rows = Table(box=box.SIMPLE_HEAD, show_lines=False, pad_edge=False)
    rows.add_column("request", ratio=5)
    rows.add_column("expected", ratio=2)
    rows.add_column("seen", ratio=2)
    rows.add_column("reason", ratio=5)
    for each in seen:
        step = each.step
        style = "green" if each.as_expected else "bold red"
        rows.add_row(
            Text.assemble(f"{step.client} {short(step.reference)}\n", (step.title, "dim")),
            f"{step.decision}\n{short(step.result)}",
            Text(f"{each.decision}\n{short(each.result)}", style),
            Text(each.reason),
        )
    return rows


def verdict(seen: list[Seen]) -> Text:
    """Return one line: whether all ended as expected."""
    wrong = sum(not each.as_expected for each in seen)
    if wrong:
        return Text(f"{wrong} of {len(seen)} requests did not end as expected: see the red lines.", "bold red")
    return Text(f"All {len(seen)} requests ended as expected.", "bold green")


def addresses(stage: Stage) -> str:
    """Return where everything is."""
    lines = {
        "proxy": stage.name,
        "its health": f"http://{stage.probes}/healthz",
        "its configuration": f"{stage.directory}/config.yaml",
        "its log": f"{stage.directory}/tagwarden.log",
        "registry": f"{stage.registry.host} (what is not signed can be pulled here)",
        "Notary server": stage.notary.url,
        "authority": f"{stage.notary.ca_file} (of Notary's certificate)",
        "people's keys": f"{stage.directory}/people, each with the passphrase: {PASSPHRASE}",
        "dockerd": stage.docker.host if stage.docker else "not running",
    }
    return "\n".join(f"  {name:18} {value}" for name, value in lines.items())


def commands(stage: Stage) -> list[str]:
    """Return some commands to try, each ready to be pasted."""
    skopeo, docker = program("skopeo"), program("docker")
    settings = f"DOCKER_CONFIG={stage.owner.directory} DOCKER_CONTENT_TRUST_SERVER={stage.notary.url}"
    return [
        f"{skopeo} inspect --tls-verify=false docker://{stage.name}/shop/api:1.0",
        f"{skopeo} inspect --tls-verify=false docker://{stage.name}/shop/api:unsigned",
        f"{tagwarden()} explain shop/api:unsigned -c {stage.directory}/config.yaml",
        f"{tagwarden()} verify --via http://{stage.name} shop/api:1.0",
        f"{settings} {docker} trust inspect --pretty {stage.gun('shop/api')}",
    ]


def short(text: str) -> str:
    """Cut a digest to what tells it from others."""
    before, digest, after = text.partition("sha256:")
    return f"{before}{digest}{after[:12]}" if digest else text
