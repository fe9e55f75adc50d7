"""HTTP over a real socket: each fault is recovered from, or refused before a byte of it is used."""

import re
from itertools import pairwise

import pytest

from checkpoints import Tensor, sound_file
from faulty_http import FaultyServer, answering, hanging
from loading import SMALL, load
from range_server import (
    Fault,
    Ranges,
    claiming,
    everything,
    hang_up,
    replaced_by,
    reset_after,
    shifted,
    stall_after,
    status,
    trickle,
)
from serving.loader.errors import BadAnswer, Changed, NotFound, Refused, StorageFailed
from serving.loader.settings import Settings

TENSORS = {f"t{number}": Tensor("BF16", (700, 500)) for number in range(8)}
FILE = sound_file(TENSORS)
OTHER = sound_file(TENSORS, seed=9)
PATH = "/llama/model.safetensors"
SLOW = Settings.of(
    {
        "slot_bytes": SMALL.slot_bytes,
        "host_bytes": SMALL.host_bytes,
        "read_bytes": SMALL.read_bytes,
        "stall_seconds": 0.3,
        "range_seconds": 0.3,
        "retries": 3,
    }
)


def expected() -> dict[str, bytes]:
    start = len(FILE) - sum(tensor.n_bytes for tensor in TENSORS.values())
    found = {}
    for name, tensor in TENSORS.items():
        found[name] = FILE[start : start + tensor.n_bytes]
        start += tensor.n_bytes
    return found


def ranges(*faults: Fault, **settings: bool) -> Ranges:
    return Ranges({PATH: FILE}, list(faults), **settings)


def test_a_sound_server_is_asked_for_each_byte_once_with_its_etag():
    served = ranges()
    with FaultyServer(served) as server:
        loaded, report = load(f"{server.address}/llama")
    assert loaded == expected()
    assert report.retries == 0
    asked = [request for request in server.requests if request.path == PATH]
    opening, *later = [request.headers for request in asked]
    assert "if-match" not in opening
    assert {headers["if-match"] for headers in later} == {served.etag_now(FILE)}
    assert {headers["accept-encoding"] for headers in later} == {"identity"}
    spans = sorted(
        tuple(int(number) for number in re.findall(r"\d+", headers["range"])) for headers in later
    )
    data_start = len(FILE) - sum(tensor.n_bytes for tensor in TENSORS.values())
    reads = [(first, last + 1) for first, last in spans]
    covered = 1024 * 1024  # what the opening brought
    assert data_start < covered
    assert sum(stop - start for start, stop in reads) <= len(FILE)
    assert reads[-1][1] == len(FILE)
    assert all(one[1] == next_one[0] for one, next_one in pairwise(reads))


@pytest.mark.parametrize(
    "faults",
    [
        [status(500), status(503)],
        [status(429, Retry_After="0")],
        [hang_up, hang_up],
        [reset_after(1000)],
        [reset_after(1000), reset_after(70_000), reset_after(200_000)],
        [stall_after(300)],
        [status(408), reset_after(5), stall_after(0)],
    ],
    ids=["500", "429", "hung up", "reset", "resets", "stall", "mixed"],
)
def test_what_passes_is_tried_again_and_the_bytes_are_right(faults: list[Fault]):
    with FaultyServer(ranges(*faults)) as server:
        loaded, report = load(f"{server.address}/llama")
    assert loaded == expected()
    assert report.retries == len(faults)


def test_a_range_that_was_cut_goes_on_from_where_it_was():
    with FaultyServer(ranges(reset_after(100_000))) as server:
        load(f"{server.address}/llama")
    starts = [
        int(request.headers["range"][6:].partition("-")[0]) for request in server.requests[2:]
    ]
    assert any(start % 1000 for start in starts)
    assert len(starts) == len(set(starts))


def test_a_slow_range_is_given_up_and_asked_for_anew():
    with FaultyServer(ranges(trickle(0.05, 1000))) as server:
        loaded, report = load(f"{server.address}/llama", SLOW)
    assert loaded == expected()
    assert report.retries == 1


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (everything, BadAnswer, "knows no ranges"),
        (shifted(1), BadAnswer, "asked for bytes"),
        (claiming(Content_Range="bytes 0-9/10"), BadAnswer, "asked for bytes"),
        (claiming(Content_Encoding="gzip"), BadAnswer, "encoded as 'gzip'"),
        (claiming(ETag='"other"'), Changed, "etag was"),
        (status(401), Refused, "refuses these credentials"),
        (status(403), Refused, "refuses these credentials"),
        (status(404), NotFound, "no such object"),
        (status(412), Changed, "was replaced"),
        (status(416, Content_Range="bytes */10"), Changed, r"bytes \*/10"),
        (replaced_by(OTHER), Changed, "was replaced"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_what_does_not_pass_is_refused_at_once(fault: Fault, error: type[Exception], says: str):
    with FaultyServer(ranges(fault)) as server, pytest.raises(error, match=says):
        load(f"{server.address}/llama")


def test_an_object_that_changes_midway_is_told_by_a_server_without_conditions_too():
    served = ranges(replaced_by(OTHER))
    served.is_conditional = False
    with FaultyServer(served) as server, pytest.raises(Changed, match="etag was"):
        load(f"{server.address}/llama")


def test_without_an_etag_the_size_is_what_is_left_to_tell_a_change_by():
    served = ranges(replaced_by(FILE + b"0" * 9))
    served.is_conditional, served.etag = False, None
    with FaultyServer(served) as server, pytest.raises(Changed, match="total_bytes was"):
        load(f"{server.address}/llama")


def test_a_server_that_only_fails_is_given_up_after_the_retries():
    failing = FaultyServer(ranges(*[status(500)] * 500))
    with failing as server, pytest.raises(StorageFailed, match="tried 3 times"):
        load(f"{server.address}/llama")


def test_a_server_that_always_cuts_after_a_few_bytes_is_given_up_too():
    one_at_a_time = Settings(retries=1, stall_seconds=0.5, read_threads=1)
    cutting = FaultyServer(ranges(*[reset_after(3)] * 500))
    with cutting as server, pytest.raises(StorageFailed, match="tried 11 times"):
        load(f"{server.address}/llama", one_at_a_time)


def test_the_deadline_ends_a_load_whatever_the_server_does():
    patient = Settings(deadline_seconds=0.5, stall_seconds=60.0)
    busy = FaultyServer(ranges(*[status(503, Retry_After="60")] * 50))
    with busy as server, pytest.raises(StorageFailed, match=r"not loaded within 0\.5 s"):
        load(f"{server.address}/llama", patient)


def test_a_server_that_never_answers_is_given_up():
    with FaultyServer(hanging) as server, pytest.raises(StorageFailed, match="tried 1 times"):
        load(f"{server.address}/llama", Settings(stall_seconds=0.1, retries=0))


def test_nothing_there_is_told_with_the_address_but_without_what_may_be_a_secret():
    with FaultyServer(Ranges({})) as server:
        address = server.address.replace("http://", "http://user:word@") + "/llama?token=hidden"
        with pytest.raises(NotFound) as refusal:
            load(address)
    assert "/llama/model.safetensors" in str(refusal.value)
    assert not any(secret in str(refusal.value) for secret in ("word", "hidden", "user"))


def test_a_redirect_is_followed():
    with FaultyServer(ranges()) as storage:
        target = f"{storage.address}{PATH}"
        moved = answering("", 302, Location=target)
        with FaultyServer(moved) as server:
            loaded, _ = load(f"{server.address}/somewhere/model.safetensors")
    assert loaded == expected()


def test_a_bandwidth_cap_holds():
    """By the count of bytes and the time that they must take at least: no upper bound is timed."""
    capped = Settings(
        bandwidth_bytes_per_second=len(FILE) / 0.5, slot_bytes=SMALL.slot_bytes, read_threads=4
    )
    with FaultyServer(ranges()) as server:
        loaded, report = load(f"{server.address}/llama", capped)
    assert loaded == expected()
    assert report.seconds >= 0.3
