"""`tracing`: where traces are sent, and that nothing starts where they cannot be made."""

from importlib.machinery import ModuleSpec
from importlib.util import find_spec

import pytest
from yarl import URL

from proxy.config import ConfigProblems, extras, load_whole
from proxy.config.effective import effective
from proxy.config.settings import TracingSettings
from proxy.errors import UserError
from proxy.telemetry import traces
from tests.unit.config.site import Site, compose

WRITTEN = "{endpoint: 'http://collector:4318'}"


def test_nothing_is_traced_unless_somebody_says_so(site: Site) -> None:
    """There is no collector that everybody has."""
    assert site.load(compose()).tracing is None


@pytest.mark.parametrize(
    ("written", "endpoint"),
    [
        pytest.param("http://collector:4318", "http://collector:4318/v1/traces", id="base"),
        pytest.param("http://collector:4318/", "http://collector:4318/v1/traces", id="base-with-slash"),
        pytest.param("https://tempo.example.com/otlp/v1/traces", "https://tempo.example.com/otlp/v1/traces", id="path"),
        pytest.param("http://[::1]:4318", "http://[::1]:4318/v1/traces", id="ipv6"),
    ],
)
def test_the_endpoint_is_a_collector_or_its_very_address(site: Site, written: str, endpoint: str) -> None:
    """The path of the protocol is added where there is none."""
    assert site.load(compose(tracing=f"{{endpoint: '{written}'}}")).tracing == TracingSettings(URL(endpoint))


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        pytest.param("{}", "tracing.endpoint", id="nothing"),
        pytest.param("{endpoint: 'collector:4318'}", "this is no URL; write http:// or https://", id="no-url"),
        pytest.param("{endpoint: 'grpc://collector:4317'}", "this is no URL; write http:// or https://", id="grpc"),
        pytest.param(
            "{endpoint: 'http://u:geheim@collector'}", "this URL has a user name in it, and no", id="password"
        ),
        pytest.param("{endpoint: 'http://collector?a=b'}", "this URL has more than host, port and path", id="query"),
    ],
)
def test_what_is_no_endpoint(site: Site, written: str, problem: str) -> None:
    """One sentence says what to write, and repeats no password."""
    [said] = site.problems(compose(tracing=written))
    assert problem in said
    assert "geheim" not in said


def test_it_is_shown_as_it_is_used(site: Site) -> None:
    """With the path."""
    site.write("config.yaml", compose(tracing=WRITTEN))
    values = {each.path: each.text for each in effective(load_whole(site.file, {}))}
    assert values["tracing.endpoint"] == "http://collector:4318/v1/traces"


def test_checking_and_serving_refuse_without_opentelemetry(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one sentence that says what to install; other commands need no traces."""

    def find(name: str) -> ModuleSpec | None:
        raise ModuleNotFoundError(name)

    site.write("config.yaml", compose(tracing=WRITTEN))
    loaded = load_whole(site.file, {})
    extras.check_extras(loaded.document, loaded.settings)
    traces.check_installed(loaded.settings.tracing)
    monkeypatch.setattr(extras, "find_spec", find)
    with pytest.raises(ConfigProblems) as found:
        extras.check_extras(loaded.document, loaded.settings)
    with pytest.raises(UserError) as refused:
        traces.check_installed(loaded.settings.tracing)
    sentence = (
        "tracing: OpenTelemetry is not installed; run pip install --require-hashes -r requirements-otel.lock in the "
        "source of this version, or remove this section"
    )
    assert str(found.value).endswith(sentence)
    assert str(refused.value) == sentence
    traces.check_installed(None)


def test_half_of_opentelemetry_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other programs install parts of it."""
    assert extras.can_trace()
    monkeypatch.setattr(extras, "find_spec", lambda name: None if "exporter" in name else find_spec(name))
    assert not extras.can_trace()
