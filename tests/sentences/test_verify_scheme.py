"""What somebody reads who asks a running proxy over TLS that speaks none, or the other way round."""

from tests.sentences.transcripts import Transcript
from tests.support.canned_server import Canned, canned_server
from tests.unit.notary.authority import Authority
from tests.unit.notary.conftest import server_tls


def test_the_wrong_scheme(transcript: Transcript) -> None:
    """The right address is said, and nobody is asked to try again."""
    tls = server_tls(Authority(transcript.directory, "authority").issue("proxy"))
    with canned_server(Canned(404)) as plain, canned_server(Canned(404), tls=tls) as safe:
        transcript.told |= {plain.host: "127.0.0.1:5000", safe.host: "127.0.0.1:5443"}
        transcript.situation("A proxy without TLS.")
        assert transcript.run(f"tagwarden verify --via https://{plain.host} shop/api:1.4") == 2
        transcript.situation("A proxy with TLS.")
        assert transcript.run(f"tagwarden verify --via http://{safe.host} shop/api:1.4") == 2
    transcript.check("verify-scheme")
