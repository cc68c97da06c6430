"""Single values: what is read, and the sentence for everything else; addresses are in `test_values_addresses`."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config import values
from proxy.config.yaml import Number
from proxy.names import Digest


@pytest.mark.parametrize(
    ("read", "raw", "value"),
    [
        pytest.param(values.duration, "500ms", timedelta(milliseconds=500), id="milliseconds"),
        pytest.param(values.duration, "30s", timedelta(seconds=30), id="seconds"),
        pytest.param(values.duration, "5m", timedelta(minutes=5), id="minutes"),
        pytest.param(values.duration, "24h", timedelta(hours=24), id="hours"),
        pytest.param(values.duration, "3650d", timedelta(days=3650), id="longest"),
        pytest.param(values.duration, "0s", timedelta(0), id="zero"),
        pytest.param(values.poll_interval, "off", "off", id="no-polls"),
        pytest.param(values.poll_interval, "200ms", timedelta(milliseconds=200), id="shortest-poll-interval"),
        pytest.param(values.poll_interval, "1h", timedelta(hours=1), id="longest-poll-interval"),
        pytest.param(values.instant, "2027-01-31T08:00:00+01:00", datetime(2027, 1, 31, 7, tzinfo=UTC), id="offset"),
        pytest.param(values.instant, "2027-01-31T00:00:00Z", datetime(2027, 1, 31, tzinfo=UTC), id="zulu"),
        pytest.param(
            values.instant,
            "2027-01-31T00:00:00.123456789-00:30",
            datetime(2027, 1, 31, 0, 30, 0, 123456, UTC),
            id="nanoseconds-are-cut-off",
        ),
        pytest.param(
            values.instant, "2027-01-31T00:00:00.5Z", datetime(2027, 1, 31, 0, 0, 0, 500000, UTC), id="half-a-second"
        ),
        pytest.param(values.key_id, "0123456789abcdef" * 4, "0123456789abcdef" * 4, id="key-id"),
        pytest.param(values.digest, f"sha256:{'0f' * 32}", Digest(f"sha256:{'0f' * 32}"), id="digest"),
        pytest.param(values.count, 2, 2, id="count"),
        pytest.param(values.flag, False, False, id="flag"),
    ],
)
def test_a_right_value_is_read(read: Callable[[object], object], raw: object, value: object) -> None:
    """What the documentation shows is understood."""
    assert read(raw) == value


@pytest.mark.parametrize(
    ("read", "raw", "sentence"),
    [
        pytest.param(values.text, True, "true is not text to YAML; write it in quotes", id="boolean-as-text"),
        pytest.param(values.text, 5, "an unquoted number is not text to YAML; write it in quotes", id="number-as-text"),
        pytest.param(
            values.text, Number("1e5"), "an unquoted number is not text to YAML; write it in quotes", id="float-as-text"
        ),
        pytest.param(values.text, " ", "this is empty; write a value, or remove the key", id="blank-text"),
        pytest.param(values.text, ["a"], "one value is wanted here; write text, not a list or a mapping", id="list"),
        pytest.param(
            values.flag, "yes", "yes or no is wanted here; write true or false, without quotes", id="yes-is-text"
        ),
        pytest.param(
            values.count, 0, "a whole number is wanted here; write 1, 2 or more, without quotes", id="count-of-nothing"
        ),
        pytest.param(
            values.count, True, "a whole number is wanted here; write 1, 2 or more, without quotes", id="count-of-true"
        ),
        pytest.param(
            values.duration,
            30,
            "30 has no unit; write 30s for seconds (ms, s, m, h and d are possible)",
            id="duration-without-unit",
        ),
        *(
            pytest.param(
                values.poll_interval,
                raw,
                f'"{raw}" is not between 200ms and 1h; write a duration that is, such as 1s, or off',
                id=f"polls-every-{raw}",
            )
            for raw in ("199ms", "0s", "61m", "3601s", "1d")
        ),
        pytest.param(
            values.poll_interval,
            False,
            "false does not switch this off; write off, or a duration such as 1s",
            id="polls-false",
        ),
        pytest.param(
            values.poll_interval,
            True,
            "true does not say how often; write a duration such as 1s, or off",
            id="polls-true",
        ),
        pytest.param(
            values.poll_interval,
            "never",
            '"never" is no duration; write off, or a whole number and a unit, such as 1s',
            id="polls-never",
        ),
        pytest.param(
            values.poll_interval,
            "OFF",
            '"OFF" is no duration; write off, or a whole number and a unit, such as 1s',
            id="polls-in-capitals",
        ),
        pytest.param(
            values.poll_interval,
            1,
            "1 has no unit; write 1s for seconds (ms, s, m, h and d are possible)",
            id="polls-without-unit",
        ),
        pytest.param(
            values.duration,
            Number("1.5"),
            "1.5 has no unit; write 1.5s for seconds (ms, s, m, h and d are possible)",
            id="broken-duration-without-unit",
        ),
        *(
            pytest.param(
                values.duration,
                raw,
                f'"{raw}" is no duration; write a whole number and a unit, such as 500ms, 30s, 5m or 24h',
                id=name,
            )
            for name, raw in {
                "broken-duration": "1.5h",
                "negative-duration": "-5s",
                "unknown-unit": "2w",
                "two-units": "1h30m",
                "blank-before-unit": "5 s",
                "arabic-digits": "\u0665s",
                "long-digits": "1000000000s",
            }.items()
        ),
        pytest.param(values.duration, "3651d", '"3651d" is more than ten years; write at most 3650d', id="too-long"),
        pytest.param(values.duration, True, "true is not text to YAML; write it in quotes", id="boolean-duration"),
        pytest.param(
            values.waiting_time,
            "0s",
            "no time at all is too short to wait; write a longer one, such as 5s",
            id="no-wait",
        ),
        pytest.param(
            values.instant,
            "2027-01-31T08:00:00",
            '"2027-01-31T08:00:00" has no offset from UTC; add it, such as Z or +01:00',
            id="no-offset",
        ),
        *(
            pytest.param(
                values.instant,
                raw,
                f'"{raw}" is no instant; write date, time and offset, such as 2027-01-31T08:00:00+01:00',
                id=name,
            )
            for name, raw in {
                "date-only": "2027-01-31",
                "blank-for-t": "2027-01-31 08:00:00Z",
                "no-seconds": "2027-01-31T08:00Z",
                "week-date": "2027-W05-1T08:00:00Z",
                "zone-name": "2027-01-31T08:00:00 CET",
                "words": "next week",
            }.items()
        ),
        *(
            pytest.param(
                values.instant,
                raw,
                f'"{raw}" does not exist in the calendar; check month, day, hours and offset',
                id=name,
            )
            for name, raw in {
                "thirtieth-of-february": "2027-02-30T00:00:00Z",
                "hour-25": "2027-01-31T25:00:00Z",
                "offset-of-a-day": "2027-01-31T00:00:00+24:00",
                "before-the-first-year": "0001-01-01T00:00:00+01:00",
            }.items()
        ),
        *(
            pytest.param(
                values.key_id,
                raw,
                f'"{raw}" is no public key id; write its 64 lower-case hex digits in quotes',
                id=name,
            )
            for name, raw in {
                "short-id": "76d2",
                "upper-case-id": "ABCDEF01" * 8,
                "digest": "sha256:" + "0" * 57,
            }.items()
        ),
        *(
            pytest.param(
                values.digest,
                raw,
                f'"{raw}" is no digest; write sha256: and its 64 lower-case hex digits',
                id=name,
            )
            for name, raw in {
                "short-digest": "sha256:76d2",
                "digits-alone": "0" * 64,
                "upper-case-digest": "sha256:" + "ABCDEF01" * 8,
                "sha512": "sha512:" + "0" * 64,
                "blank-behind-a-digest": f"sha256:{'0' * 64} ",
            }.items()
        ),
        pytest.param(
            values.digest, 5, "an unquoted number is not text to YAML; write it in quotes", id="number-as-digest"
        ),
    ],
)
def test_a_wrong_value_says_what_to_write(read: Callable[[object], object], raw: object, sentence: str) -> None:
    """The sentence says what is wrong and what to do."""
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        read(raw)


@given(
    st.text(max_size=40) | st.text("0123456789:.[]/@-TZ+hsdm", max_size=30) | st.integers() | st.booleans() | st.none()
)
def test_no_value_fails_in_another_way(raw: object) -> None:
    """Whatever is written, it is a value or a `ValueError` with a sentence on one line."""
    readers = [
        values.text,
        values.flag,
        values.count,
        values.duration,
        values.waiting_time,
        values.instant,
        values.registry_name,
        values.address,
        values.registry_url,
        values.notary_url,
        values.store_url,
        values.key_id,
        values.digest,
        values.network,
        values.redirect_host,
    ]
    sentences = []
    for read in readers:
        try:
            read(raw)
        except ValueError as error:
            sentences.append(str(error))
    assert not any("\n" in sentence for sentence in sentences)
