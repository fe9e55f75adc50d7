import asyncio

from hypothesis import given
from hypothesis import strategies as st

from scaler.adapters.prometheus_turns import Turns
from scaler.errors import HistoryUnavailable


class Asking:
    """Reads that ask for turns, and those that were served, in that order."""

    def __init__(self, n_turns: int, wait_seconds: float = 60.0) -> None:
        self.turns = Turns("http://a:9090", n_turns=n_turns, wait_seconds=wait_seconds)
        self.served: list[str] = []
        self.reads: list[asyncio.Task[None]] = []

    async def ask(self, *owners: str) -> None:
        self.reads += [asyncio.create_task(self._take(owner)) for owner in owners]
        await settled()

    async def give_back(self, owner: str) -> None:
        self.turns.give_back(owner)
        await settled()

    async def _take(self, owner: str) -> None:
        await self.turns.take(owner)
        self.served.append(owner)

    async def stop(self) -> None:
        for read in self.reads:
            read.cancel()
        await asyncio.gather(*self.reads, return_exceptions=True)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_each_owner_that_comes_gets_half_of_what_is_left() -> None:
    asking = Asking(8)
    await asking.ask(*"aaaaaaaaaa", *"bbbbb", *"ccc", *"dd")
    assert "".join(asking.served) == "aaaabbcd"
    await asking.stop()


async def test_turns_that_come_back_go_to_those_who_have_fewer() -> None:
    asking = Asking(8)
    await asking.ask(*"aaaaaaaaaa", *"bbbbb", *"ccc")
    assert "".join(asking.served) == "aaaabbc"
    await asking.give_back("a")
    await asking.give_back("a")
    assert "".join(asking.served[7:]) == "c"
    await asking.stop()


async def test_owners_are_served_in_rotation_whoever_asked_first() -> None:
    asking = Asking(1)
    await asking.ask("x")
    await asking.ask(*"aaabbc")
    for _ in range(6):
        await asking.give_back(asking.served[-1])
    assert "".join(asking.served) == "xabcaba"
    await asking.stop()


async def test_the_reads_of_an_owner_are_served_in_their_order() -> None:
    turns = Turns("http://a", n_turns=1, wait_seconds=60)
    order: list[int] = []

    async def read(number: int) -> None:
        await turns.take("a")
        order.append(number)
        turns.give_back("a")

    await asyncio.gather(*(read(number) for number in range(5)))
    assert order == list(range(5))


async def test_a_wait_that_is_too_long_is_told_with_who_waits() -> None:
    asking = Asking(1, wait_seconds=0.05)
    await asking.ask("a")
    outcomes = await asyncio.gather(
        *(asking.turns.take(owner) for owner in (*"aaabb", "", "c", "d")), return_exceptions=True
    )
    told = outcomes[0]
    assert isinstance(told, HistoryUnavailable)
    assert told.reason == "busy"
    assert str(told) == (
        "http://a:9090: no turn within 0.05 s; 8 reads wait (3 of a, 2 of b, 1 of no namespace, "
        "2 of others) while 1 run (requests_at_once is 1)"
    )
    assert {getattr(outcome, "reason", "") for outcome in outcomes} == {"busy"}
    await asking.give_back("a")
    await asking.ask("b")  # nobody who gave up still stands in the line
    assert asking.served == ["a", "b"]


async def test_a_read_that_is_cancelled_while_it_waits_leaves_the_line() -> None:
    asking = Asking(1)
    await asking.ask("a", "b", "c")
    asking.reads[1].cancel()
    await settled()
    await asking.give_back("a")
    assert asking.served == ["a", "c"]


async def test_a_read_that_is_cancelled_as_it_is_served_gives_the_turn_on() -> None:
    asking = Asking(1)
    await asking.ask("a", "b", "c")
    asking.turns.give_back("a")  # b is served, and doesn't know it yet
    asking.reads[1].cancel()
    await settled()
    assert asking.served == ["a", "c"]


@given(
    n_turns=st.integers(1, 9),
    owners=st.lists(st.sampled_from("abc"), min_size=1, max_size=30),
    picks=st.lists(st.integers(0, 8), max_size=40),
)
def test_no_owner_has_more_than_half_and_everybody_is_served(
    n_turns: int, owners: list[str], picks: list[int]
) -> None:
    async def play() -> None:
        asking = Asking(n_turns)
        await asking.ask(*owners)
        given_back = 0
        running: list[str] = []
        for pick in (*picks, *[0] * len(owners)):
            running += asking.served[given_back + len(running) :]
            assert len(running) <= n_turns
            assert all(running.count(owner) <= (n_turns + 1) // 2 for owner in "abc")
            if running:
                given_back += 1
                await asking.give_back(running.pop(pick % len(running)))
        assert sorted(asking.served) == sorted(owners)

    asyncio.run(play())
