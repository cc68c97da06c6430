"""What somebody reads who asks the doctor; its findings one by one are in `recorded/doctor.txt`."""

from deploy.stack.ports import free_port
from tests.sentences.transcripts import Transcript
from tests.unit.config.site import compose


def test_what_the_doctor_prints(transcript: Transcript) -> None:
    """One line for each check, then how many of them are to be mended, and what to run next."""
    port = free_port()
    transcript.told[str(port)] = "5000"
    transcript.situation("A client's machine from which the registry cannot be reached.")
    assert transcript.run(f"tagwarden doctor --past http://127.0.0.1:{port}") == 0
    transcript.situation("No address of a registry.")
    assert transcript.run("tagwarden doctor --past ftp://registry") == 2
    transcript.situation("A configuration that cannot be used.")
    transcript.write("config.yaml", compose(nane="x"))
    assert transcript.run("tagwarden doctor -c config.yaml") == 2
    transcript.check("doctor-command")
