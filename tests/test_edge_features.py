"""The manual's lists of what each engine refuses and reads: it is what the engines do."""

from edge_features import PAGE, PLACE, lists
from system_programs import needed
from workerd_stage import workerd


def test_the_lists_in_the_manual_are_what_the_engines_do() -> None:
    needed("haproxy")
    workerd()
    shown = {it[2]: it[3] for it in PLACE.finditer(PAGE.read_text("utf-8"))}
    assert shown == lists(), "run `make readme`"
