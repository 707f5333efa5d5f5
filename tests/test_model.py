from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from gateway import model
from gateway.model import Timestamp, format_time, to_timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC)))
@example(_EPOCH)
@example(datetime(1, 1, 1, tzinfo=UTC))
@example(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
@example(datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC))
def test_times_are_written_with_six_decimals_in_utc(time: datetime) -> None:
    timestamp = to_timestamp(time)
    assert _EPOCH + timedelta(microseconds=timestamp) == time
    assert format_time(timestamp) == time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def test_days_are_not_kept_without_end() -> None:
    for day in range(2 * model._MOST_DAYS):
        format_time(Timestamp(day * 86_400_000_000))
        assert len(model._days) <= model._MOST_DAYS


def test_a_time_is_in_microseconds() -> None:
    assert format_time(Timestamp(1_566_656_122_123_456)) == "2019-08-24T14:15:22.123456Z"
