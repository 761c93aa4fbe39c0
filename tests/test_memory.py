import os
import subprocess
import sys
from dataclasses import replace
from random import Random

import pytest

from hublet_router.core.judge import decide
from hublet_router.core.memory import MAX_REMEMBERED, Clean, Memory
from hublet_router.core.runs import MIN_RUN
from parity.cases import request, scene


def test_a_memory_keeps_no_text_and_not_too_many() -> None:
    memory: Memory[int] = Memory()
    for number in range(MAX_REMEMBERED):
        memory[hash(f"{number}")] = number
    assert len(memory) == MAX_REMEMBERED
    assert hash("0") in memory
    memory[hash("one more")] = 1
    assert memory == {hash("one more"): 1}


@pytest.mark.parametrize(("seed", "is_known"), [("random", True), ("7", False)])
def test_nothing_is_remembered_where_anyone_can_work_out_the_hashes(
    seed: str, is_known: bool
) -> None:
    """Else a text with the hash of one that is clean would pass unread."""
    code = """if True:
        from hublet_router.core.memory import Clean, Memory
        memory, clean = Memory(), Clean()
        memory[hash("a")] = ()
        clean.add(["a text of some length"], "na1")
        print(len(memory), clean.without([("", "a text of some length")], "na1"))
    """
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ended.stdout == ("1 []\n" if is_known else "0 ['a text of some length']\n")


def test_what_is_clean_is_so_for_one_hublet_and_keeps_no_text() -> None:
    clean = Clean()
    known, also, new = "a text that is known", "another text that is", "a text that is not"
    clean.add([known, also], "na1")

    assert clean.without([(known, new), (new, also)], "na1") == [new, new]
    assert clean.without([("short", known), (known, "short")], "eu1") == [known] * 2
    assert clean.without([("x" * MIN_RUN, "y" * MIN_RUN)], "na1") == ["y" * MIN_RUN, "x" * MIN_RUN]
    assert not any("text" in str(key) for key in clean._known)


def test_no_stranger_fills_the_memory_of_what_is_clean() -> None:
    clean = Clean()
    for number in range(3):
        clean.add([f"{number} {at}" for at in range(MAX_REMEMBERED - 1)], "na1")
        assert len(clean._known) <= MAX_REMEMBERED


@pytest.mark.parametrize("seed", range(12))
def test_what_is_remembered_changes_no_decision(seed: int) -> None:
    random = Random(seed)
    made = scene(random)
    requests = [request(random, made) for _ in range(40)]
    for _ in range(150):
        headers = random.choice(requests[:8]).headers
        seen = replace(random.choice(requests), headers=headers)

        assert decide(made.table, seen) == decide(made.table.with_policy(), seen)
