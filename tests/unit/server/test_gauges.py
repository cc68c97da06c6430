"""What is found out when somebody asks: of evidence, Notaries, and the configuration in effect."""

import asyncio
import math
import struct
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from cryptography import x509
from structlog.testing import capture_logs

from certs.authority import Authority
from proxy import __version__
from proxy.assembly import Parts
from proxy.config.pem import PemFile
from proxy.config.settings import CandidatesSettings, TlsSettings
from proxy.decision_cache import Standing
from proxy.errors import TrustStoreUnavailable
from proxy.names import Digest, Gun, Repository, Tag
from proxy.notary.breaker import Breaker
from proxy.policy.entries import AnyDigest, Exemption, Mode, Relaxation
from proxy.policy.patterns import RepositoryPattern, TagPattern
from proxy.policy.signers import Released
from proxy.server import gauges
from proxy.server.exposition import Exposition, counting_alone
from proxy.server.gauges import Gauges
from proxy.store.memory import Memory
from proxy.tasks import spawn
from proxy.telemetry import meters, metrics
from proxy.tuf.pins import Pins
from proxy.upkeep import Upkeep
from tests.support.resolving import NAME, REPOSITORY, Bench, bench, entry
from tests.unit.config.site import Site, compose
from tests.unit.registry.material import eventually

DIGEST = Digest(f"sha256:{'9' * 64}")


@dataclass
class Seen:
    """A bench, and its gauges as Prometheus sees them."""

    at: Bench
    gauges: Gauges
    breaker: Breaker

    async def value(self, name: str, **labels: str) -> float | None:
        """One sample, now."""
        await self.gauges.note()
        registry = prometheus_client.CollectorRegistry()
        registry.register(self.gauges)
        return registry.get_sample_value(f"tagwarden_{name}", labels)

    async def series(self, name: str) -> dict[tuple[str, ...], float]:
        """All samples of a metric, now, by the values of their labels."""
        await self.gauges.note()
        return {
            tuple(sample.labels.values()): sample.value
            for family in self.gauges.collect()
            for sample in family.samples
            if sample.name == f"tagwarden_{name}"
        }


@asynccontextmanager
async def seen(tmp_path: Path, *entries: Any, **policy: Any) -> AsyncIterator[Seen]:
    """A proxy that decides, and what is seen of it."""
    async with bench(*entries, **policy) as at:
        breaker = Breaker(at.notary.fetch, at.clock)
        at.resolver.renewal.checks.notaries = {"corp": breaker.fetch}
        parts = Parts(
            at.resolver,
            at.resolver.registry,
            at.resolver.closure,
            Upkeep(at.resolver.renewal, at.store),
            {"corp": breaker},
        )
        settings = replace(Site(tmp_path).load(compose()), policy=at.resolver.policy, generation="0123456789abcdef")
        yield Seen(at, Gauges(settings, parts, at.clock.now().timestamp()), breaker)


async def test_the_configuration_in_effect_is_told(tmp_path: Path) -> None:
    """Its hash tells replicas apart that should have the same; whether the last one was taken, and when."""
    async with seen(tmp_path) as it:
        assert await it.value("config_info", hash="0123456789abcdef", version=__version__) == 1
        assert await it.value("config_last_reload_successful") == 1
        assert await it.value("config_last_reload_success_timestamp_seconds") == it.at.clock.now().timestamp()
        assert await it.value("workers") == 1
        it.gauges.is_taken, it.gauges.serving = False, lambda: 3
        assert await it.value("config_last_reload_successful") == 0
        assert await it.value("workers") == 3


async def test_whether_a_notary_answers_is_told_once_it_was_asked(tmp_path: Path) -> None:
    """Before that nobody knows."""
    async with seen(tmp_path) as it:
        assert await it.series("notary_up") == {}
        await it.at.resolve()
        assert await it.series("notary_up") == {("corp",): 1}
        it.at.notary.away = True
        it.at.clock.pass_by(31)
        await it.at.resolve()
        assert await it.series("notary_up") == {("corp",): 0}


async def test_evidence_grows_old_while_notary_is_away(tmp_path: Path) -> None:
    """That of collections in use: what nobody asks for is checked hourly, and is nobody's concern."""
    async with seen(tmp_path) as it:
        await it.at.resolve()
        it.at.clock.pass_by(20)
        assert await it.series("evidence_age_seconds") == {("corp",): 20}
        it.at.notary.away = True
        it.at.clock.pass_by(600)
        await it.at.resolve()
        assert await it.series("evidence_age_seconds") == {("corp",): 620}
        it.at.clock.pass_by(3600)
        assert await it.series("evidence_age_seconds") == {}


async def test_expiries_are_told_of_timestamps_only_in_an_outage(tmp_path: Path) -> None:
    """Notary signs those anew by itself, after they ran out."""
    async with seen(tmp_path) as it:
        it.at.sim.delegate("targets/alice")
        it.at.sim.targets.expires = "2027-01-31T00:00:00Z"
        it.at.sim.publish()
        await it.at.resolve()
        gun = f"{NAME}/{REPOSITORY}"
        found = await it.series("metadata_expiry_timestamp_seconds")
        assert found.keys() == {(gun, role) for role in ("root", "snapshot", "targets", "targets/alice")}
        assert found[gun, "targets"] == 1801353600
        it.at.notary.away = True
        it.at.clock.pass_by(31)
        await it.at.resolve()
        assert (gun, "timestamp") in await it.series("metadata_expiry_timestamp_seconds")


async def test_what_expires_first_is_among_those_that_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hundred thousand collections nobody wants all, and nobody can miss the first."""
    monkeypatch.setattr(gauges, "METRIC_COLLECTIONS", 2)
    async with seen(tmp_path) as it:
        await it.at.resolve()
        cache = it.at.resolver.renewal.cache
        [(key, standing)] = cache.standings()
        others = [(("corp", Gun(f"{NAME}/shop/{number}"), Pins.tofu(), timedelta()), number) for number in range(5)]
        standings = [(other, ending(standing, days_earlier=n)) for other, n in others]
        cache._known = dict(standings)
        found = {gun for gun, _ in await it.series("metadata_expiry_timestamp_seconds")}
        assert found == {f"{NAME}/shop/3", f"{NAME}/shop/4"}
        assert key[1] == f"{NAME}/shop/api"


def ending(standing: Standing, *, days_earlier: int) -> Standing:
    """One like another whose first expiry, which stands at its end, is earlier."""
    expires = struct.pack("<d", standing.expires - days_earlier * 86_400)
    return replace(standing, _back=standing._back[: -len(expires)] + expires)


async def test_a_collection_is_read_once_for_each_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus asks every few seconds."""
    read, once = list[Standing](), gauges._expiries_of

    def noting(standing: Standing) -> Mapping[str, float]:
        read.append(standing)
        return once(standing)

    monkeypatch.setattr(gauges, "_expiries_of", noting)
    async with seen(tmp_path) as it:
        await it.at.resolve()
        for _ in range(3):
            await it.series("metadata_expiry_timestamp_seconds")
        assert len(read) == 1
        it.at.sim.bump()
        it.at.sim.publish()
        it.at.clock.pass_by(31)
        await it.at.resolve()
        await it.series("metadata_expiry_timestamp_seconds")
        assert len(read) == 2


async def test_everything_that_is_relaxed_is_told_with_its_end(tmp_path: Path) -> None:
    """So that nobody forgets one, and whoever is relieved of it hears before it ends."""
    async with bench() as at:
        end = at.clock.now() + timedelta(days=30)
    pattern = RepositoryPattern
    rollout = (
        Relaxation(pattern("shop/old"), Mode.AUDIT, end, "OPS-1"),
        Relaxation(pattern("vendor/**"), Mode.PROTECT, None, None),
    )
    exemptions = (
        Exemption(Repository("infra/x"), DIGEST, end, "bootstrap"),
        Exemption(Repository("infra/x"), DIGEST, end - timedelta(days=1), "again"),
    )
    lax = entry(pattern=pattern("shop/**"), any_digest=AnyDigest(end, "OPS-2"))
    async with seen(tmp_path, entry(), lax, rollout=rollout, exemptions=exemptions) as it:
        assert await it.series("relaxation_end_timestamp_seconds") == {
            ("rollout", "shop/old", "audit"): end.timestamp(),
            ("rollout", "vendor/**", "protect"): math.inf,
            ("exception", f"infra/x@{DIGEST}", "none"): end.timestamp(),
            ("digest_pull", "shop/**", "none"): end.timestamp(),
        }


async def test_certificates_that_run_out_are_told(tmp_path: Path) -> None:
    """Of each listener that has one: no client connects after that."""
    ours = Authority.open(tmp_path / "certs")
    shown, other = ours.issue("registry.example.com"), ours.issue("candidates.example.com")
    tls = [TlsSettings(PemFile.read(each.certificate_file), PemFile.read(each.key_file)) for each in (shown, other)]
    until = x509.load_pem_x509_certificate(shown.certificate_file.read_bytes()).not_valid_after_utc.timestamp()
    async with seen(tmp_path) as it:
        assert await it.series("certificate_expiry_timestamp_seconds") == {}
        settings = it.gauges.settings
        listen = replace(settings.listen, tls=tls[0])
        it.gauges.settings = replace(settings, listen=listen)
        assert await it.series("certificate_expiry_timestamp_seconds") == {("listen",): until}
        candidates = CandidatesSettings(settings.listen.address, tls[1])
        it.gauges.settings = replace(settings, listen=listen, candidates=candidates)
        assert (await it.series("certificate_expiry_timestamp_seconds")).keys() == {("listen",), ("candidates",)}


async def test_how_long_evidence_serves_in_an_outage_is_told(tmp_path: Path) -> None:
    """By the entry that wants it shortest, of each Notary: that is when the first repository is refused."""
    entries = [
        entry(pattern=RepositoryPattern("shop/**"), outage_for=timedelta(hours=6)),
        entry(pattern=RepositoryPattern("vendor/**"), outage_for=timedelta(minutes=30)),
        entry(pattern=RepositoryPattern("tools/**"), notary="other"),
    ]
    async with seen(tmp_path, *entries) as it:
        assert await it.series("outage_for_seconds") == {("corp",): 1800, ("other",): 86400}


@pytest.mark.parametrize("part", ["last_check", "check_writable"])
async def test_a_trust_store_that_cannot_be_used_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Neither its being away nor its hanging keeps the other numbers back."""
    monkeypatch.setattr(gauges, "READY_SECONDS", 0.01)
    async with seen(tmp_path) as it:
        assert await it.value("trust_store_up") == 1

        async def fail(**_: bool) -> None:
            raise TrustStoreUnavailable("the disk is full")

        async def hang(**_: bool) -> None:
            await asyncio.Event().wait()

        for trouble in (fail, hang):
            with monkeypatch.context() as patched:
                patched.setattr(it.at.store, part, trouble)
                assert await it.value("trust_store_up") == 0
        assert await it.value("trust_store_up") == 1


async def test_a_clock_that_no_check_can_be_noted_by_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulls are refused for it, and other proxies may have better clocks."""
    async with seen(tmp_path) as it:
        last = it.at.clock.now()

        async def last_check() -> datetime:
            return last

        monkeypatch.setattr(it.at.store, "last_check", last_check)
        assert await it.value("trust_store_up") == 1
        it.at.clock.wall -= timedelta(hours=1)
        assert await it.value("trust_store_up") == 0


async def test_a_store_that_was_begun_anew_is_counted(tmp_path: Path) -> None:
    """Though it was told before anything was counted; what has not happened yet is nothing."""
    async with seen(tmp_path) as it:
        for store, count in ((Memory(), b"1.0"), (it.at.store, b"0.0")):
            it.gauges.parts.upkeep.store = store
            with counting_alone(it.gauges.settings, it.gauges.parts) as exposition:
                body, _ = await exposition.answer("")
            assert b'tagwarden_audit_events_total{audit="trust store created"} ' + count in body
            assert b'tagwarden_audit_events_total{audit="rollback seen"} 0.0' in body
            assert b'tagwarden_refusals_total{refusal="content_mismatch"} 0.0' in body


async def test_every_rule_begins_with_no_regression(tmp_path: Path) -> None:
    """So that an alert sees the first one; rules of the next configuration are there when it is in effect."""
    shop = entry(pattern=RepositoryPattern("shop/**"), tags=((TagPattern("v*"), Released()),))
    async with seen(tmp_path, shop) as it:
        registry = prometheus_client.CollectorRegistry()
        meters.begin(registry)

        async def begun() -> dict[str, float]:
            await it.gauges.note()
            families = (each for each in registry.collect() if each.name == "tagwarden_regressions")
            return {sample.labels["rule"]: sample.value for family in families for sample in family.samples}

        assert await begun() == {"none": 0, "shop/**": 0, "shop/**:v*": 0}
        assert {shop.rule_for(Tag(tag))[0] for tag in ("v1", "latest")} == (await begun()).keys() - {"none"}
        metrics.REGRESSIONS.inc("shop/**")
        policy = replace(it.gauges.settings.policy, entries=(shop, entry(pattern=RepositoryPattern("vendor/**"))))
        it.gauges.settings = replace(it.gauges.settings, policy=policy)
        assert await begun() == {"none": 0, "shop/**": 1, "shop/**:v*": 0, "vendor/**": 0}
        meters.end()


@pytest.mark.parametrize(
    ("accept", "kind", "last"),
    [
        pytest.param("", "text/plain", b"\n", id="anything"),
        pytest.param(
            "application/openmetrics-text; version=1.0.0", "application/openmetrics-text", b"# EOF\n", id="open"
        ),
    ],
)
async def test_all_of_it_is_one_answer(tmp_path: Path, accept: str, kind: str, last: bytes) -> None:
    """In the format that is asked for, with the process's own numbers."""
    async with seen(tmp_path) as it:
        await it.at.resolve()
        body, content_type = await Exposition(prometheus_client.CollectorRegistry(), it.gauges).answer(accept)
        assert content_type.startswith(kind)
        assert body.endswith(last)
        assert b"tagwarden_config_info{" in body
        assert b"process_open_fds" in body


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param("application/openmetrics-text; version=x", id="no-version"),
        pytest.param("text/plain; version=1.0.x", id="half-a-version"),
        pytest.param(f"application/openmetrics-text; version={'9' * 5000}.0", id="a-large-one"),
        pytest.param("application/openmetrics-text; version=1.0.7", id="an-unknown-one"),
    ],
)
async def test_what_nobody_knows_is_answered_in_the_oldest_form(tmp_path: Path, accept: str) -> None:
    """Whatever a stranger writes there, it breaks nothing, and comes back nowhere."""
    async with seen(tmp_path) as it:
        body, content_type = await Exposition(prometheus_client.CollectorRegistry(), it.gauges).answer(accept)
        assert content_type == "text/plain; version=0.0.4; charset=utf-8"
        assert b"tagwarden_config_info{" in body


async def test_who_asks_and_leaves_costs_one_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often: an answer is made to its end before another one is begun, so no thread is kept from others."""
    begun, released = list[int](), threading.Event()

    def held(_: object) -> bytes:
        begun.append(1)
        assert released.wait(10)
        return b"numbers"

    monkeypatch.setattr("proxy.server.exposition.choose_encoder", lambda _: (held, "text/plain; version=0.0.4; x"))
    async with seen(tmp_path) as it:
        exposition = Exposition(prometheus_client.CollectorRegistry(), it.gauges)
        for _ in range(5):
            leaving = spawn(exposition.answer(""), name="scrape")
            await eventually(lambda: begun)
            leaving.cancel()
            await asyncio.wait([leaving])
        waiting = spawn(exposition.answer(""), name="scrape")
        await asyncio.sleep(0.01)
        released.set()
        assert (await waiting)[0] == b"numbers"
        assert begun == [1]


async def test_a_defect_of_the_store_takes_no_other_numbers_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, and the store counts as away."""

    async def fails(**_: bool) -> None:
        raise ValueError("a defect")

    async with seen(tmp_path) as it:
        monkeypatch.setattr(it.at.store, "check_writable", fails)
        with capture_logs() as events:
            assert await it.value("trust_store_up") == 0
        assert [each["event"] for each in events] == ["unexpected error"]


async def test_nothing_is_told_before_anybody_looked(tmp_path: Path) -> None:
    """A registry may ask what there is when it is made."""
    async with seen(tmp_path) as it:
        assert list(it.gauges.collect()) == list(it.gauges.describe()) == []
