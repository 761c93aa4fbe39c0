"""The metrics in Prometheus' own formats."""

from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from hublet_router.proxy.observe.instruments import PLAIN, Instruments
from test_refusal import STATUSES

type Families = dict[str, dict[tuple[str, ...], float]]


def router() -> SimpleNamespace:
    """What the metrics look at, before anything happened."""
    empty = SimpleNamespace(counts={})
    idle = {"table": None, "source": None, "misdirection": empty, "shadow": empty}
    return SimpleNamespace(**idle, decision_log=SimpleNamespace(file=None))


def families(instruments: Instruments) -> Families:
    text, kind = instruments.exposition("*/*")
    assert kind == PLAIN
    return {
        family.name: {tuple(it.labels.values()): it.value for it in family.samples}
        for family in read_text(text.decode())
    }


def test_every_metric_is_there_and_described_before_anything_happened() -> None:
    instruments = Instruments(router())
    text = instruments.exposition("")[0].decode()
    seen = {(family.name, family.type, family.documentation) for family in read_text(text)}
    assert seen == {
        (row.name.removesuffix("_total"), row.kind, row.meaning) for row in instruments.listed
    }


def test_the_labels_and_buckets_that_are_listed_are_those_of_the_metric() -> None:
    instruments = Instruments(router())
    instruments.requests.count(("eu1", "credential", "api-key", "2xx"), None)
    instruments.first_byte_seconds["eu1"].observe(1, None)
    instruments.connections["eu1", "opened"] += 1
    rows = {row.name.removesuffix("_total"): row for row in instruments.listed}
    for family in instruments.registry.collect():
        row = rows[family.name]
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(row.labels)
        bounds = [sample.labels["le"] for sample in family.samples if "le" in sample.labels]
        assert [float(bound) for bound in bounds if bound != "+Inf"] == list(row.buckets)


def test_every_refusal_is_counted_from_zero_and_nothing_has_a_birthday() -> None:
    seen = families(Instruments(router()))
    assert seen["hublet_refusals"] == {(reason.value,): 0 for reason in STATUSES}
    assert not any(name.endswith("_created") for name in seen)


def test_what_is_counted_while_somebody_asks_does_not_break_the_answer() -> None:
    at_work = router()
    counts: Counter[tuple[str, ...]] = Counter()
    at_work.misdirection = SimpleNamespace(counts=counts)

    class Labels(tuple[str, ...]):
        __slots__ = ()

        def __iter__(self) -> Iterator[str]:
            counts["eu1", "-"] += 1
            return super().__iter__()

    counts[Labels(("na1", "eu1"))] = 1
    assert families(Instruments(at_work))["hublet_misdirected"] == {("eu1", "na1"): 1}
    assert counts["eu1", "-"] > 0


def test_the_state_is_looked_at_when_somebody_asks() -> None:
    at_work = router()
    instruments = Instruments(at_work)
    assert families(instruments)["hublet_table"] == {}
    at_work.table = SimpleNamespace(version="0123456789ab")
    at_work.source = SimpleNamespace(good=3, bad=1, read_at=0.0, is_current=False)
    at_work.decision_log.file = SimpleNamespace(dropped=7)
    at_work.misdirection = SimpleNamespace(counts={("na1", "eu1"): 2, ("na1", "-"): 1})
    at_work.shadow = SimpleNamespace(counts={("eu1", "credential", "na1", "legacy"): 4})
    instruments.in_flight.add("a")
    seen = families(instruments)
    assert seen["hublet_table"] == {("0123456789ab",): 1}
    assert seen["hublet_table_reads"] == {("good",): 3, ("bad",): 1}
    assert seen["hublet_table_is_current"] == {(): 0}
    assert seen["hublet_table_age_seconds"][()] > 0
    assert seen["hublet_requests_in_flight"] == {(): 1}
    assert seen["hublet_misdirected"] == {("eu1", "na1"): 2, ("-", "na1"): 1}  # labels are sorted
    assert seen["hublet_shadow_differences"] == {("na1", "legacy", "eu1", "credential"): 4}
    assert seen["hublet_log_lines_dropped"] == {(): 7}


def test_openmetrics_is_spoken_to_those_who_accept_it_and_holds_exemplars() -> None:
    instruments = Instruments(router())
    instruments.requests.count(("-", "conflict", "-", "4xx"), "4bf92f35")
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
    text, kind = instruments.exposition(accept)
    assert kind.startswith("application/openmetrics-text; version=")
    (exemplar,) = (
        sample.exemplar
        for family in read_openmetrics(text.decode())
        for sample in family.samples
        if sample.exemplar
    )
    assert exemplar.labels == {"trace_id": "4bf92f35"}


def test_a_histogram_counts_to_the_bound_and_keeps_the_last_trace_of_each_bucket() -> None:
    instruments = Instruments(router())
    seen = instruments.first_byte_seconds["eu1"]
    for amount, trace in ((0.005, "a"), (0.004, "b"), (0.006, None), (31, "c")):
        seen.observe(amount, trace)
    text, _ = instruments.exposition("application/openmetrics-text")
    (family,) = (
        it for it in read_openmetrics(text.decode()) if it.name.endswith("first_byte_seconds")
    )
    buckets = [it for it in family.samples if it.name.endswith("_bucket")]
    assert [it.value for it in buckets] == [2, *[3] * 11, 4]
    traces = {it.labels["le"]: it.exemplar.labels["trace_id"] for it in buckets if it.exemplar}
    assert traces == {"0.005": "b", "+Inf": "c"}
    rest = {it.name.rpartition("_")[2]: it.value for it in family.samples if it not in buckets}
    assert rest == {"count": 4, "sum": 31.015}
