import pytest

from serving.loader.errors import BadSettings
from serving.loader.settings import Settings


def test_the_defaults_are_the_bounds_that_are_promised():
    settings = Settings()
    assert settings.host_bytes == 1024**3
    assert settings.device_bytes == 256 * 1024**2


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"read_thread": 4}, "unknown setting 'read_thread': did you mean 'read_threads'"),
        ({"zzz": 4}, "known are read_threads"),
        ({"read_threads": "4"}, "read_threads must be a whole number, got '4'"),
        ({"read_threads": True}, "read_threads must be a whole number, got True"),
        ({"read_threads": 0}, "read_threads must be from 1 to 256, got 0"),
        ({"deadline_seconds": -1}, "deadline_seconds must be from"),
        ({"stall_seconds": float("nan")}, "stall_seconds must be from"),
        ({"retries": None}, "retries must be a whole number, got None"),
        ({"direct_io": "maybe"}, "direct_io must be one of auto, always, never"),
        ({"host_bytes": 16 * 1024**2}, "slot_bytes must be at most half of host_bytes"),
        ({"s3_anonymous": "yes"}, "s3_anonymous must be true or false"),
        ({"digests": 4}, "digests must be text"),
    ],
)
def test_a_bad_setting_is_named_with_its_value_and_what_is_allowed(
    values: dict[str, object], says: str
):
    with pytest.raises(BadSettings, match=says):
        Settings.of(values)
