"""The metrics in Prometheus' own format."""

from types import SimpleNamespace

from prometheus_client.parser import text_string_to_metric_families

from hublet_router.proxy.instruments import Instruments

KINDS = {
    "hublet_requests": "counter",
    "hublet_refusals": "counter",
    "hublet_decision_seconds": "histogram",
    "hublet_upstream_first_byte_seconds": "histogram",
    "hublet_upstream_connections": "counter",
    "hublet_requests_in_flight": "gauge",
    "hublet_table": "gauge",
    "hublet_table_age_seconds": "gauge",
    "hublet_table_reads": "counter",
}


def families(instruments: Instruments) -> dict[str, dict[tuple[str, ...], float]]:
    text = instruments.exposition().decode()
    return {
        family.name: {tuple(it.labels.values()): it.value for it in family.samples}
        for family in text_string_to_metric_families(text)
        if KINDS.get(family.name) == family.type
    }


def test_every_metric_is_there_before_anything_happened() -> None:
    router = SimpleNamespace(table=None, source=None)
    assert families(Instruments(router)).keys() == KINDS.keys()


def test_the_state_is_looked_at_when_somebody_asks() -> None:
    router = SimpleNamespace(table=None, source=None)
    instruments = Instruments(router)
    assert families(instruments)["hublet_table"] == {}
    router.table = SimpleNamespace(version="0123456789ab")
    router.source = SimpleNamespace(good=3, bad=1, read_at=0.0)
    instruments.in_flight.add("a")
    seen = families(instruments)
    assert seen["hublet_table"] == {("0123456789ab",): 1}
    assert seen["hublet_table_reads"] == {("good",): 3, ("bad",): 1}
    assert seen["hublet_table_age_seconds"][()] > 0
    assert seen["hublet_requests_in_flight"] == {(): 1}
