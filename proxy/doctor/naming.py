"""The name in image names: what it means here, and who answers there.

A path that no registry has is asked for: a Tagwarden refuses it in words of its own, a registry in others.
"""

from typing import Final

from yarl import URL

from proxy.clock import Clock
from proxy.config.settings import Settings
from proxy.doctor.addresses import is_ours
from proxy.doctor.findings import Hop, Name
from proxy.doctor.reaching import Step, Unreached, believing_everybody, reach, resolve
from proxy.doctor.server import API_VERSION, ODD_PATH, Answer, NoAnswer, is_tagwarden, talk
from proxy.limits import DOCTOR_ANSWER_SECONDS

_SCHEMES: Final = (("https", 443), ("http", 80))


async def examine(hop: Hop, settings: Settings, clock: Clock) -> None:
    """Find out who answers at the name."""
    host, _, port = settings.name.partition(":")
    try:
        addresses = await resolve(host, int(port or 443))
    except Unreached as end:
        hop.warn(Name.NAME_DNS, f"{end.why}, and clients need it", f"give {host} the address of the proxy (DNS)")
        hop.unknown(Name.NAME_ANSWER, f"who answers at {settings.name}")
        return
    hop.ok(Name.NAME_DNS, f"{host} is {', '.join(addresses)}")
    here = all(map(is_ours, addresses))
    schemes = _SCHEMES if settings.listen.tls or not port else _SCHEMES[::-1]
    ends: list[Unreached] = []
    for scheme, usual in schemes:
        url = URL.build(scheme=scheme, host=host, port=int(port or usual))
        try:
            answer = await _ask(url, clock)
        except Unreached as end:
            ends.append(end)
        except NoAnswer:
            continue
        else:
            _judge(hop, settings.name, answer, here=here)
            return
    _judge_silence(hop, settings, ends, here=here)
    return


async def _ask(url: URL, clock: Clock) -> Answer:
    anybody = believing_everybody()
    await reach(url, anybody)
    async with talk(url, anybody, seconds=DOCTOR_ANSWER_SECONDS, clock=clock) as server:
        answer = await server.ask(ODD_PATH)
        if answer.status == 400 and API_VERSION not in answer.headers:  # as Go's servers say that they want TLS
            raise NoAnswer("it answers 400")
        return answer


def _judge(hop: Hop, name: str, answer: Answer, *, here: bool) -> None:
    if is_tagwarden(answer):
        who = "a Tagwarden on this machine" if here else "a Tagwarden on another machine, or something before it,"
        hop.ok(Name.NAME_ANSWER, f"{who} answers at {name}")
    elif API_VERSION in answer.headers:
        sentence = f"the registry itself answers at {name}: clients of {name} go past the proxy"
        hop.fail(Name.NAME_PAST_PROXY, sentence, "let the name lead to the proxy, and the registry listen elsewhere")
    else:
        sentence = f"what answers at {name} is neither Tagwarden nor a registry ({answer.status})"
        hop.warn(Name.NAME_ANSWER, sentence, "let the name lead to the proxy")


def _judge_silence(hop: Hop, settings: Settings, ends: list[Unreached], *, here: bool) -> None:
    if any(end.step is Step.CLIENT_CERTIFICATE for end in ends):
        hop.unknown(Name.NAME_ANSWER, f"who answers at {settings.name}, because clients there show a certificate")
    elif here:
        sentence = f"the proxy does not run: nobody answers at {settings.name}"
        hop.warn(Name.NAME_NOBODY, sentence, "start it (tagwarden serve), and doctor again", ("tagwarden", "serve"))
    else:
        remedy = "start the proxy there, open the way to it, or mend the name service"
        hop.warn(Name.NAME_NOBODY, f"nobody answers at {settings.name}, which is another machine", remedy)
