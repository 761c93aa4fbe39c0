"""Requests that have ended are handed on in batches, each of them once."""

import asyncio
from weakref import WeakKeyDictionary

import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.test import tflow

from hublet_router.core.decision import Reason, refuse
from hublet_router.proxy.observe import finished_flows
from hublet_router.proxy.observe.finished_flows import FinishedFlows
from hublet_router.proxy.routing.annotate import Decided, Ledger


class Recorder:
    """A consumer that keeps what it gets; `bad` are flows over which it fails."""

    def __init__(self) -> None:
        self.seen: list[HTTPFlow] = []
        self.bad: list[HTTPFlow] = []

    def consume(self, flow: HTTPFlow, _: Decided) -> None:
        if flow in self.bad:
            raise ValueError("it cannot be written")
        self.seen.append(flow)


@pytest.fixture
def ledger() -> Ledger:
    return WeakKeyDictionary()


@pytest.fixture
def flows(ledger: Ledger) -> list[HTTPFlow]:
    them = [tflow.tflow(resp=True) for _ in range(3)]
    ledger.update(dict.fromkeys(them, Decided(refuse(Reason.NO_TABLE), None, 0)))
    return them


def end(finished: FinishedFlows, *flows: HTTPFlow) -> None:
    """Let flows end, in an event loop that is over before their batch is."""

    async def end() -> None:
        for flow in flows:
            finished.response(flow)

    asyncio.run(end())


def test_batch_is_handed_on_after_a_while(
    ledger: Ledger, flows: list[HTTPFlow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished_flows, "INTERVAL", 0.001)
    one, other = Recorder(), Recorder()
    finished = FinishedFlows(ledger, one.consume, other.consume)

    async def wait_for_batches() -> None:
        finished.error(flows[0])
        finished.response(flows[1])
        assert one.seen == []
        while one.seen != flows[:2]:
            await asyncio.sleep(0.001)
        finished.response(flows[2])
        while other.seen != flows:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(wait_for_batches(), 20))
    assert one.seen == flows


def test_batch_is_handed_on_when_it_is_full(
    ledger: Ledger, flows: list[HTTPFlow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished_flows, "MAX_BATCH", 2)
    recorder = Recorder()
    finished = FinishedFlows(ledger, recorder.consume)
    end(finished, *flows)
    assert recorder.seen == flows[:2]
    finished.flush()
    assert recorder.seen == flows


@pytest.mark.parametrize("moment", ["an option changes", "the proxy ends"])
def test_nothing_waits_beyond(moment: str, ledger: Ledger, flows: list[HTTPFlow]) -> None:
    recorder = Recorder()
    finished = FinishedFlows(ledger, recorder.consume)
    end(finished, *flows)
    assert recorder.seen == []
    if moment == "the proxy ends":
        finished.done()
    else:
        finished.configure({"hublet_log"})
    assert recorder.seen == flows
    finished.flush()
    assert recorder.seen == flows


def test_flow_without_a_decision_is_left_out(ledger: Ledger) -> None:
    recorder = Recorder()
    finished = FinishedFlows(ledger, recorder.consume)
    end(finished, tflow.tflow(err=True))
    finished.flush()
    assert recorder.seen == []


def test_decision_is_that_of_the_end(ledger: Ledger, flows: list[HTTPFlow]) -> None:
    decided: list[Decided] = []
    finished = FinishedFlows(ledger, lambda _, it: decided.append(it))
    end(finished, flows[0])
    mine = ledger.pop(flows[0])
    finished.flush()
    assert decided == [mine]


def test_consumer_that_fails_costs_no_other_flow_and_nothing_before_it(
    ledger: Ledger, flows: list[HTTPFlow], caplog: pytest.LogCaptureFixture
) -> None:
    before, failing = Recorder(), Recorder()
    failing.bad = flows[1:2]
    finished = FinishedFlows(ledger, before.consume, failing.consume)
    end(finished, *flows)
    finished.flush()
    assert before.seen == flows
    assert failing.seen == [flows[0], flows[2]]
    assert "it cannot be written" in caplog.text
