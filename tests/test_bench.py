"""The benchmark itself, for a moment: what it counts, and that it would notice a wrong answer."""

from collections.abc import Iterator

import pytest

from bench import costs, decisions, edge, hostile, redactions, workers
from bench.load import Job
from bench.rounds import Scenario, in_turn, measure, to_http2
from bench.subjects import Setting, Subject
from hublet_router.core.judge import decide
from hublet_router.tablefile import loads
from system_programs import needed
from test_growth import PIECES, SHAPES

BRIEF = 0.5  # seconds


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    it = Setting(tmp_path_factory.mktemp("bench"))
    try:
        yield it
    finally:
        it.stop()


@pytest.fixture(scope="module")
def router(setting: Setting) -> Iterator[Subject]:
    it = setting.mitmdump("router")
    yield it
    it.stop()


@pytest.mark.parametrize(
    ("job", "tls"),
    [
        (Job(0, BRIEF, connections=2), False),
        (Job(0, BRIEF, connections=2, fresh=True), False),
        (Job(0, BRIEF, connections=2), True),
        (Job(0, BRIEF, connections=2, streams=2), True),
        (Job(0, 2 * BRIEF, up=1 << 20, down=1 << 20), False),
        (Job(0, BRIEF, connections=2, down=64, events=True), False),
    ],
    ids=["keep-alive", "fresh", "tls", "h2", "bodies", "events"],
)
def test_every_answer_is_right(setting: Setting, router: Subject, job: Job, tls: bool) -> None:
    scenario = Scenario("a moment", job, tls, rounds=1)
    rounds = in_turn(scenario, [setting.upstream, router], str(setting.authority), lambda _: None)
    assert set(rounds) == ({"router"} if tls else {"upstream alone", "router"})
    for (once,) in rounds.values():
        assert once.wrong == 0
        assert once.rate > 0
        assert once.cpu > 0


def test_every_answer_of_an_http2_upstream_is_right(setting: Setting) -> None:
    scenario = Scenario("a moment", Job(0, BRIEF, connections=2, streams=2), tls=True, rounds=1)
    for subject in to_http2(setting):
        once = measure(subject, scenario, str(setting.authority))
        subject.stop()
        assert once.wrong == 0
        assert once.rate > 0


def test_an_answer_of_another_hublet_is_wrong(setting: Setting) -> None:
    bare = setting.mitmdump("bare", script=None)
    bare.only = None  # as if it routed
    once = measure(bare, Scenario("", Job(0, BRIEF)), str(setting.authority))
    bare.stop()
    assert once.wrong > 0
    assert once.rate > 0


@pytest.mark.parametrize("hublets", [5, 5000])
def test_what_is_timed_is_routed(hublets: int) -> None:
    table = loads(decisions.table_text(hublets))
    assert len(table.hublets) == hublets
    for kind in decisions.TARGETS:
        request = next(decisions.requests(kind))
        assert decide(table, request).hublet == ("na1" if kind == "no credential" else "eu1")


def test_each_hostile_request_is_timed() -> None:
    found = hostile.hostile(size=256)
    assert len(found) == len(PIECES) * len(SHAPES)
    assert min(found.values()) > 0


def test_every_flow_that_is_timed_is_redacted() -> None:
    alone, whole, _ = redactions.redactions(8)
    assert 0 < alone < whole


def test_log_and_metrics_have_every_other_turn(setting: Setting) -> None:
    taken = costs.watched(setting, seconds=1)
    log = setting.folder / "decisions.jsonl"
    assert len(log.read_text().splitlines()) > 0
    assert abs(len(taken["with"]) - len(taken["without"])) <= 2
    assert all(microseconds > 0 for them in taken.values() for microseconds in them)


def test_a_body_that_is_streamed_is_seen_whole(setting: Setting) -> None:
    assert costs.streamed(setting, up=3 << 20, down=5 << 20) < 50


def test_other_engines_are_measured_beside_what_is_written_by_hand(
    setting: Setting,
) -> None:
    needed("haproxy")
    needed("wrk")
    subjects = edge.subjects(setting)
    assert [it.name for it in subjects] == [edge.ROUTER, edge.AGENT, edge.LUA, edge.MAPS]
    beside = workers.subjects(setting, setting.table)
    assert [it.name for it in beside] == [
        workers.EXPORTED,
        workers.BY_HAND,
    ] or not workers.workerd()
    for subject in (*subjects[1:], *beside):
        once = edge.measure(subject)
        assert once.wrong == 0
        assert once.rate > 0
        assert once.cpu > 0
    agent = subjects[1]
    assert isinstance(agent, edge.Pair)
    agent.other.stop()
    assert edge.wrong(agent) == len(edge.REQUESTS)
