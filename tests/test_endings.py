"""What gathers the requests whose answers have ended."""

import asyncio
from collections.abc import Iterator
from weakref import WeakKeyDictionary

import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.test import taddons, tflow

from hublet_router.core.decision import Reason, refuse
from hublet_router.proxy.observe.endings import Ended, Endings, each
from hublet_router.proxy.routing.annotate import Decided

DECIDED = Decided(refuse(Reason.CONFLICT), None, 0)


@pytest.fixture
def endings() -> Iterator[Endings]:
    with taddons.context():
        yield Endings(WeakKeyDictionary())


def decided(endings: Endings) -> HTTPFlow:
    flow = tflow.tflow()
    endings.ledger[flow] = DECIDED
    return flow


def test_who_ends_together_is_told_of_together_to_everybody(endings: Endings) -> None:
    one, two, three = (decided(endings) for _ in range(3))
    told: list[tuple[str, list[HTTPFlow]]] = []

    def note(who: str, ended: Ended) -> None:
        assert all(what is DECIDED for _, what in ended)
        told.append((who, [flow for flow, _ in ended]))

    endings.takers += [lambda ended: note("a", ended), lambda ended: note("b", ended)]

    async def end() -> None:
        endings.response(one)
        endings.error(two)
        endings.response(tflow.tflow())  # nobody decided it
        assert told == []
        await asyncio.sleep(0.2)
        endings.response(three)
        endings.tell()

    asyncio.run(end())
    assert told == [("a", [one, two]), ("b", [one, two]), ("a", [three]), ("b", [three])]


def test_nothing_is_kept_for_nobody(endings: Endings) -> None:
    endings.response(decided(endings))  # outside a loop: a timer would raise
    told: list[Ended] = []
    endings.takers.append(told.append)
    endings.tell()
    assert told == [[]]


def test_what_fails_for_one_is_logged_and_done_for_the_others(
    endings: Endings, caplog: pytest.LogCaptureFixture
) -> None:
    ended = [(decided(endings), DECIDED) for _ in range(3)]

    def work(flow: HTTPFlow, _: Decided) -> str:
        if flow is ended[1][0]:
            raise ValueError("a bug")
        return flow.id

    assert each(work, ended) == [ended[0][0].id, ended[2][0].id]
    assert "Addon error: a bug" in caplog.text
