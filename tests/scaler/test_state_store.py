"""The contract of every StateStore, and what only files can suffer."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scaler.adapters.memory import MemoryStateStore
from scaler.adapters.state_opening import FILE, SET_ASIDE_KEPT
from scaler.adapters.state_sqlite import SqliteStateStore
from scaler.errors import StateUnavailable
from scaler.ports import Blob, StateStore

Reopen = Callable[[], Awaitable[StateStore]]
OWNER = "target/prod/llm/0badcafe"


def blob(payload: bytes = b"\x00\xff", *, saved_at: float = 1.5, form: str = "thing/1") -> Blob:
    return Blob(format=form, payload=payload, saved_at=saved_at)


@pytest.fixture(params=["memory", "sqlite"])
async def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Reopen]:
    """Close the store and open it anew, as the next process would."""
    memory = MemoryStateStore()
    opened: list[StateStore] = []

    async def again() -> StateStore:
        for store in opened:
            await store.close()
        if request.param == "memory":
            memory.reopen()
            opened.append(memory)
        else:
            opened.append(await SqliteStateStore.opened(tmp_path / "state"))
        return opened[-1]

    yield again
    for store in opened:
        await store.close()


async def test_what_was_saved_is_there_to_the_byte_after_a_restart(reopen: Reopen) -> None:
    store = await reopen()
    saved = {"ledger": blob(bytes(range(256))), "forecaster": blob(b"", form="mixture/3")}
    await store.save({(OWNER, kind): each for kind, each in saved.items()})
    assert await store.load(OWNER) == saved
    store = await reopen()
    assert await store.load(OWNER) == saved
    assert await store.load("target/prod/other/0badcafe") == {}


async def test_a_later_blob_takes_the_place_of_an_older_one(reopen: Reopen) -> None:
    store = await reopen()
    await store.save({(OWNER, "a"): blob(b"1"), (OWNER, "b"): blob(b"2")})
    await store.save({(OWNER, "a"): blob(b"3", saved_at=9.0)})
    assert await store.load(OWNER) == {"a": blob(b"3", saved_at=9.0), "b": blob(b"2")}


async def test_what_is_older_than_the_limit_is_forgotten(reopen: Reopen) -> None:
    store = await reopen()
    await store.save({(OWNER, "old"): blob(saved_at=1.0), (OWNER, "new"): blob(saved_at=3.0)})
    assert await store.forget(before=3.0) == 1
    assert list(await store.load(OWNER)) == ["new"]


async def test_a_closed_store_says_so(reopen: Reopen) -> None:
    store = await reopen()
    await store.close()
    for call in (store.load(OWNER), store.save({}), store.forget(0.0)):
        with pytest.raises(StateUnavailable) as caught:
            await call
        assert caught.value.reason == "closed"


async def test_the_store_in_memory_fails_as_told_and_is_bounded() -> None:
    store = MemoryStateStore(max_owners=2)
    store.fail("full")
    with pytest.raises(StateUnavailable, match="no space left"):
        await store.save({(OWNER, "a"): blob()})
    store.recover()
    for owner in ("first", "second", "first", "third"):
        await store.save({(owner, "a"): blob()})
    assert [bool(await store.load(owner)) for owner in ("first", "second", "third")] == [
        True, False, True,
    ]  # fmt: skip


# --- files ---


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[SqliteStateStore]:
    store = await SqliteStateStore.opened(directory)
    try:
        yield store
    finally:
        await store.close()


async def fill(directory: Path, n_owners: int = 20) -> dict[str, Blob]:
    blobs = {f"target/{n}": blob(bytes([n]) * 3_000) for n in range(n_owners)}
    async with opened(directory) as store:
        await store.save({(owner, "ledger"): each for owner, each in blobs.items()})
    return blobs


def aside(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob(f"{FILE}.*Z"))


@pytest.mark.parametrize(
    ("damage", "label"),
    [
        (lambda _data: b"", None),
        (lambda data: data[:100], "corrupt"),
        (lambda data: data[: len(data) // 2], "corrupt"),
        (lambda _data: b"no database at all" * 300, "corrupt"),
        (lambda data: data[:4096] + b"\xab" * (len(data) - 4096), "corrupt"),
    ],
    ids=["empty", "header alone", "half", "text", "all pages but the first"],
)
async def test_a_corrupt_file_is_set_aside_named_logged_and_rebuilt(
    damage: Callable[[bytes], bytes], label: str | None, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    await fill(tmp_path)
    damaged = damage((tmp_path / FILE).read_bytes())
    (tmp_path / FILE).write_bytes(damaged)
    async with opened(tmp_path) as store:
        assert await store.load("target/3") == {}
        await store.save({("target/3", "ledger"): blob(b"new")})
    async with opened(tmp_path) as store:
        assert await store.load("target/3") == {"ledger": blob(b"new")}
    if label is None:
        assert aside(tmp_path) == [], "an empty file holds nothing to set aside"
        return
    [name] = aside(tmp_path)
    assert name.startswith(f"{FILE}.{label}-")
    assert (tmp_path / name).read_bytes()[: len(damaged)] == damaged, "kept for whoever looks"
    [line] = [r for r in caplog.records if "set aside" in r.getMessage()]
    assert line.set_aside_as == name  # type: ignore[attr-defined]


async def test_damage_that_shows_only_later_is_set_aside_as_well(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with opened(tmp_path) as store:
        await store.load("target/3")
        data = (tmp_path / FILE).read_bytes()
        with (tmp_path / FILE).open("r+b") as file:
            file.write(b"\x00" * len(data))
        await store.save({("target/3", "ledger"): blob(b"new")})
        await store.forget(0.0)
        assert await store.load("target/3") in ({"ledger": blob(b"new")}, {})
    async with opened(tmp_path) as store:
        await store.save({("target/4", "ledger"): blob(b"newer")})
        assert await store.load("target/4") == {"ledger": blob(b"newer")}


async def test_a_file_of_a_later_version_is_kept_for_that(tmp_path: Path) -> None:
    await fill(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("PRAGMA user_version = 7")
    async with opened(tmp_path) as store:
        assert await store.load("target/3") == {}
    assert [name.rpartition("-")[0] for name in aside(tmp_path)] == [f"{FILE}.version-7"]


async def test_another_program_s_database_is_left_whole(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
        connection.commit()
    async with opened(tmp_path) as store:
        await store.save({("target/3", "ledger"): blob(b"new")})
    [name] = aside(tmp_path)
    with closing(sqlite3.connect(tmp_path / name)) as connection:
        assert connection.execute("SELECT count(*) FROM recipes").fetchone() == (0,)


async def test_only_the_newest_files_set_aside_are_kept(tmp_path: Path) -> None:
    for _ in range(SET_ASIDE_KEPT + 2):
        (tmp_path / FILE).write_bytes(b"no database at all" * 300)
        async with opened(tmp_path) as store:
            await store.load(OWNER)
    assert len(aside(tmp_path)) == SET_ASIDE_KEPT


async def test_a_row_that_was_changed_by_hand_is_dropped_and_the_others_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blobs = await fill(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        for column, owner in [("payload", 1), ("format", 2), ("saved_at", 3), ("checksum", 4)]:
            connection.execute(
                f"UPDATE blobs SET {column} = 'x' WHERE owner = 'target/{owner}'"  # noqa: S608
            )
        connection.commit()
    async with opened(tmp_path) as store:
        for owner, each in blobs.items():
            want = {} if owner in {f"target/{n}" for n in range(1, 5)} else {"ledger": each}
            assert await store.load(owner) == want
    assert sum("damaged record" in r.getMessage() for r in caplog.records) == 4


@given(st.lists(st.tuples(st.floats(0, 0.999999), st.binary(min_size=1, max_size=8)), max_size=6))
@example([(0.10403590682797156, b"\x00\x00\x00\x80")])  # a schema that SQLite can't even quote
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_is_ever_handed_out(
    tmp_path_factory: pytest.TempPathFactory, damages: list[tuple[float, bytes]]
) -> None:
    directory = tmp_path_factory.mktemp("state")

    async def story() -> None:
        blobs = await fill(directory, n_owners=6)
        data = bytearray((directory / FILE).read_bytes())
        for part, noise in damages:
            at = int(part * len(data))
            data[at : at + len(noise)] = noise
        (directory / FILE).write_bytes(bytes(data))
        async with opened(directory) as store:
            for owner, each in blobs.items():
                assert await store.load(owner) in ({"ledger": each}, {})
            await store.save({("target/0", "ledger"): blob(b"new")})
            assert await store.load("target/0") == {"ledger": blob(b"new")}

    asyncio.run(story())


HOLDER = """
import asyncio, sys
from pathlib import Path
from scaler.adapters.state_sqlite import SqliteStateStore
async def main():
    store = await SqliteStateStore.opened(Path(sys.argv[1]))
    print("held", flush=True)
    await asyncio.Event().wait()
    await store.close()
asyncio.run(main())
"""


def start(program: str, *arguments: object) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE)


async def test_two_scalers_can_not_share_a_directory_and_the_second_is_told_who_has_it(
    tmp_path: Path,
) -> None:
    with start(HOLDER, tmp_path) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(StateUnavailable, match=f"in use by process {holder.pid}") as caught:
                await SqliteStateStore.opened(tmp_path)
            assert caught.value.reason == "in-use"
        finally:
            holder.kill()
    async with opened(tmp_path) as store:  # the lock ended with its process
        assert await store.load(OWNER) == {}


# Saves batches of rows that all carry the batch's number, and reports each number once saved.
WRITER = """
import asyncio, sys
from pathlib import Path
from scaler.adapters.state_sqlite import SqliteStateStore
from scaler.ports import Blob
async def main():
    store = await SqliteStateStore.opened(Path(sys.argv[1]))
    number = int(sys.argv[2])
    while True:
        number += 1
        payload = number.to_bytes(8, "big") * 500
        blob = Blob(format="n/1", payload=payload, saved_at=float(number))
        await store.save({(f"target/{n}", "ledger"): blob for n in range(10)})
        print(number, flush=True)
asyncio.run(main())
"""


async def test_a_scaler_killed_while_it_writes_loses_nothing_that_it_reported(
    tmp_path: Path,
) -> None:
    number = 0
    for round_number in range(12):
        with start(WRITER, tmp_path, number) as writer:
            assert writer.stdout is not None
            reported = [int(writer.stdout.readline()) for _ in range(3 + 5 * round_number)]
            os.kill(writer.pid, signal.SIGKILL)
            reported += [int(line) for line in writer.stdout.read().split()]
        async with opened(tmp_path) as store:
            blobs = [(await store.load(f"target/{n}"))["ledger"] for n in range(10)]
        assert len({each.payload for each in blobs}) == 1, "a batch is saved whole or not at all"
        number = int(blobs[0].saved_at)
        assert blobs[0].payload == number.to_bytes(8, "big") * 500
        assert number >= reported[-1]
    assert aside(tmp_path) == [], "a kill is no damage"
    assert number > 100


FULL = """
import asyncio, sys
from pathlib import Path
from scaler.adapters.state_sqlite import SqliteStateStore
from scaler.errors import StateUnavailable
from scaler.ports import Blob
async def main():
    directory = Path(sys.argv[1])
    store = await SqliteStateStore.opened(directory)
    small = Blob(format="n/1", payload=b"small", saved_at=1.0)
    await store.save({("target/1", "ledger"): small})
    try:
        big = Blob(format="n/1", payload=b"big" * 1_000_000, saved_at=2.0)
        await store.save({("target/1", "ledger"): big})
    except StateUnavailable as exc:
        print(exc.reason)
    print(await store.load("target/1") == {"ledger": small})
    (directory / "ballast").unlink()
    await store.save({("target/1", "ledger"): Blob(format="n/1", payload=b"2", saved_at=3.0)})
    print((await store.load("target/1"))["ledger"].saved_at)
    await store.close()
    import subprocess
    subprocess.run(["mount", "-o", "remount,ro", sys.argv[2]], check=True)
    store = await SqliteStateStore.opened(directory)
    print((await store.load("target/1"))["ledger"].saved_at)
    try:
        await store.save({("target/1", "ledger"): small})
    except StateUnavailable as exc:
        print(exc.reason)
    subprocess.run(["mount", "-o", "remount,rw", sys.argv[2]], check=True)
    await store.save({("target/1", "ledger"): small})
    print((await store.load("target/1"))["ledger"].saved_at)
asyncio.run(main())
"""


def test_a_full_and_a_read_only_disk_are_named_and_lose_nothing(tmp_path: Path) -> None:
    """On a real file system of 2 MB, in a mount namespace of its own."""
    script, disk = tmp_path / "full.py", tmp_path / "disk"
    script.write_text(FULL)
    disk.mkdir()
    steps = (
        f"mount -t tmpfs -o size=2m none {disk} && mkdir {disk}/state && "
        f"head -c 1000000 /dev/zero > {disk}/state/ballast && "
        f"exec {sys.executable} {script} {disk}/state {disk}"
    )
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", steps]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except FileNotFoundError:
        pytest.skip("no unshare on this machine")
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip(f"no mount namespace on this machine: {done.stderr.strip()}")
    assert done.stdout.split() == ["full", "True", "3.0", "3.0", "read-only", "1.0"], done.stderr
