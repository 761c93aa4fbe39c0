"""The table as data holds all that a decision needs."""

import json
from pathlib import Path
from random import Random

import pytest

from hublet_router.core.decision import Reason, refuse
from hublet_router.core.judge import decide
from hublet_router.core.problem import problem
from hublet_router.export.program import program
from hublet_router.tablefile import load
from parity.cases import request, scene
from parity.rebuild import rebuilt
from shipped_table import ROOT, SHIPPED, TABLES


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_table_made_again_from_its_program_decides_its_examples_alike(path: Path) -> None:
    table = load(path)
    again = rebuilt(json.loads(json.dumps(program(table))))
    assert table.examples
    for example in table.examples:
        old, new = decide(table, example.request), decide(again, example.request)
        assert new.as_json() == old.as_json()


def test_a_random_table_made_again_decides_random_requests_alike() -> None:
    random = Random(15)
    for _ in range(40):
        it = scene(random)
        again = rebuilt(json.loads(json.dumps(program(it.table))))
        for _ in range(50):
            asked = request(random, it)
            assert decide(again, asked).as_json() == decide(it.table, asked).as_json()


def test_a_program_of_the_shipped_table_is_small() -> None:
    assert len(json.dumps(program(SHIPPED))) < 40_000


def test_the_answers_are_those_of_the_core() -> None:
    answers = program(SHIPPED)["answers"]
    for reason in Reason:
        if reason not in {Reason.CREDENTIAL, Reason.MOVED, Reason.PINNED}:
            wanted = problem(refuse(reason), SHIPPED)
            assert answers[reason] == {
                "status": wanted.status,
                "fields": wanted.fields,
                "body": wanted.body.decode(),
            }
    assert answers["unreadable-body"]["status"] == 415


def test_a_table_without_body_rules_has_no_answer_for_bodies() -> None:
    assert "unreadable-body" not in program(load(ROOT / "tests/tables/livechat.yaml"))["answers"]


def test_domains_are_in_order_so_that_each_export_of_a_table_is_the_same() -> None:
    domains = program(SHIPPED)["domains"]
    assert len(domains) > 1
    assert domains == sorted(domains)
