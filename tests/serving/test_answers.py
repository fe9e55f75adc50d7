import pytest

from serving.loader.errors import BadAnswer, Changed, NotFound, Refused
from serving.loader.readers.answers import (
    Passing,
    Pin,
    pin_of,
    require_good_status,
    require_range,
    require_same,
    retry_after_seconds,
)


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (200, BadAnswer, "knows no ranges"),
        (204, BadAnswer, "status 204"),
        (301, BadAnswer, "status 301"),
        (400, BadAnswer, "status 400"),
        (401, Refused, "refuses these credentials"),
        (403, Refused, "refuses these credentials"),
        (404, NotFound, "no such object"),
        (410, NotFound, "no such object"),
        (408, Passing, "status 408"),
        (412, Changed, "was replaced"),
        (416, Changed, r"bytes \*/7"),
        (429, Passing, "status 429"),
        (500, Passing, "status 500"),
        (503, Passing, "status 503"),
    ],
)
def test_each_status_means_one_thing(status: int, error: type[Exception], says: str):
    with pytest.raises(error, match=says):
        require_good_status("w", status, {"Content-Range": "bytes */7"})


def test_partial_content_is_the_only_good_answer():
    require_good_status("w", 206, {})


def test_a_range_that_is_the_one_asked_for_is_taken():
    headers = {"Content-Range": "bytes 2-4/9", "Content-Length": "3"}
    assert require_range("w", headers, 2, 5) == 9


def test_a_range_may_be_clipped_by_the_end_of_the_object():
    assert require_range("w", {"Content-Range": "bytes 0-8/9"}, 0, 1000) == 9


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, "got Content-Range ''"),
        ({"Content-Range": "bytes 2-4/*"}, "Content-Range"),
        ({"Content-Range": "bytes */9"}, "Content-Range"),
        ({"Content-Range": "items 2-4/9"}, "Content-Range"),
        ({"Content-Range": "bytes 2-4/9, 5-6/9"}, "Content-Range"),
        ({"Content-Range": "bytes 1-4/9"}, "asked for bytes 2-4, got 1-4 of 9"),
        ({"Content-Range": "bytes 2-5/9"}, "asked for bytes 2-4, got 2-5 of 9"),
        ({"Content-Range": "bytes 2-3/9"}, "asked for bytes 2-4, got 2-3 of 9"),
        ({"Content-Range": "bytes 2-4/4"}, "asked for bytes 2-3, got 2-4 of 4"),
        ({"Content-Range": "bytes 2-4/9", "Content-Length": "4"}, "has 3 bytes"),
        ({"Content-Range": "bytes 2-4/9", "Content-Encoding": "gzip"}, "encoded as 'gzip'"),
    ],
)
def test_an_answer_to_another_range_is_refused(headers: dict[str, str], says: str):
    with pytest.raises(BadAnswer, match=says):
        require_range("w", headers, 2, 5)


def test_a_strong_etag_pins_and_a_weak_one_does_not():
    strong = pin_of({"ETag": '"a"', "Last-Modified": "then"}, 9)
    assert strong.headers == {"If-Match": '"a"'}
    weak = pin_of({"ETag": 'W/"a"', "Last-Modified": "then"}, 9)
    assert weak.headers == {"If-Unmodified-Since": "then"}
    assert pin_of({}, 9).headers == {}
    google = pin_of({"ETag": '"a"', "x-goog-generation": "7"}, 9)
    assert google.headers["x-goog-if-generation-match"] == "7"


@pytest.mark.parametrize(
    "other",
    [
        Pin(8, '"a"', "then", None),
        Pin(9, '"b"', "then", None),
        Pin(9, '"a"', "now", None),
        Pin(9, '"a"', "then", "8"),
    ],
)
def test_an_answer_of_another_object_is_told_even_by_a_server_without_conditions(other: Pin):
    with pytest.raises(Changed, match="was replaced while it was read"):
        require_same("w", Pin(9, '"a"', "then", None), other)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30.0,
        ),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:30 GMT",
            },
            0.0,
        ),
    ],
)
def test_retry_after_is_seconds_or_a_date_by_the_servers_own_clock(
    headers: dict[str, str], seconds: float | None
):
    assert retry_after_seconds(headers) == seconds
