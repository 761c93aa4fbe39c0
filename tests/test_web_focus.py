"""`@focus` where it is the person's, and where it is not."""

from collections.abc import Sequence
from typing import Any

import pytest
from mitmproxy.addons.view import View
from mitmproxy.command import Command
from mitmproxy.exceptions import CommandError
from mitmproxy.flow import Flow
from mitmproxy.test import taddons, tflow
from mitmproxy.types import CommandTypes

from harness import Stage
from hublet_router.proxy.engine.web_focus import NOT_YOURS, ChosenFlows

COMMANDS = (
    "hublet.explain @focus",
    "hublet.diff x.yaml @focus",
    "hublet.pin @focus eu1",
    "hublet.resend @focus eu1",
)


@pytest.fixture
def commands() -> Any:
    """A master with a list of two flows, the first of them in focus."""
    view = View()
    with taddons.context(view) as context:
        view.add([tflow.tflow(), tflow.tflow()])
        yield context.master.commands


def parse(commands: Any, text: str) -> list[Any]:
    kind: Any = CommandTypes.get(ChosenFlows)
    return list(kind.parse(commands, ChosenFlows, text))


@pytest.mark.parametrize("text", ["@focus", "@shown", "@hidden"])
def test_what_mitmweb_cannot_know_is_refused(commands: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"{text} is known to the browser alone") as raised:
        parse(commands, text)
    assert str(raised.value) == NOT_YOURS.format(text)


def test_in_the_console_it_is_the_persons(commands: Any) -> None:
    commands.master.keymap = None  # as the console has it
    (flow,) = parse(commands, "@focus")
    assert flow == commands.call("view.flows.resolve", "@all")[0]
    assert len(parse(commands, "@shown")) == 2
    assert parse(commands, "@hidden") == []


def test_a_flow_is_named_by_its_id_or_by_a_filter(commands: Any) -> None:
    _, second = parse(commands, "@all")
    assert parse(commands, f"@{second.id}") == [second]
    assert len(parse(commands, "~m GET")) == 2
    with pytest.raises(ValueError, match="Invalid filter"):
        parse(commands, "~")


def test_every_command_that_takes_flows_refuses_it(stage: Stage) -> None:
    stage.regions("eu1")
    stage.proxy(beside=[View()], hublet_override=True)
    commands = stage.master.commands

    async def call(*words: str) -> None:
        commands.call_strings(words[0], words[1:])

    for words in COMMANDS:
        with pytest.raises(CommandError, match="@focus is known to the browser"):
            stage.call(call(*words.split()))
    takers = {
        name
        for name, it in commands.commands.items()
        if name.startswith("hublet.") and {Sequence[Flow], ChosenFlows} & {*_types(it)}
    }
    assert takers == {words.split()[0] for words in COMMANDS}


def _types(it: Command) -> list[object]:
    return [parameter.type for parameter in it.parameters]
