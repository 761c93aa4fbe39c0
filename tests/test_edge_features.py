"""The manual's list of what each engine refuses: it is what the engines do."""

from edge_features import PAGE, PLACE, feature_list
from system_programs import needed
from workerd_stage import workerd


def test_the_list_in_the_manual_is_what_the_engines_do() -> None:
    needed("haproxy")
    workerd()
    (shown,) = PLACE.findall(PAGE.read_text("utf-8"))
    assert shown == feature_list(), "run `make readme`"
