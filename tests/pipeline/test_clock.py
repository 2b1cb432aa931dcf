from datetime import UTC, datetime, timedelta

from ilp_models.pipeline.clock import now


def test_the_present_has_a_time_zone():
    assert abs(now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert now().utcoffset() is not None
