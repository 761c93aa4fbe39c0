"""The metrics that features offer."""

from hublet_router.proxy.addon import HubletRouter
from hublet_router.proxy.observe.measurement import Measured, Measurement


def test_measurements_have_names_of_their_own_and_a_label_for_each_value() -> None:
    router = HubletRouter()
    features: list[Measured] = [router.live, *router.metrics.features]
    router.misdirected.counts["na1", "eu1"] += 1
    router.shadow.counts["eu1", "credential", "na1", "legacy"] += 1
    found: list[Measurement] = [it for feature in features for it in feature.measurements()]
    assert len({it.name for it in found}) == len(found) == 7
    for it in found:
        assert it.name.startswith("hublet_")
        assert it.meaning.endswith(".")
        assert {len(labels) for labels in it.samples()} <= {len(it.labels)}
