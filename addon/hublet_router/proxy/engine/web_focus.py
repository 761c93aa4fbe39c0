"""Flows as the argument of a command, where `@focus` is what the person has in focus.

mitmweb keeps in the browser which flow is open, and what its search shows. Its server has a focus
of its own, mostly the first flow of the list, and shows every flow (`View.resolve` in
addons/view.py). So a command for `@focus` or `@shown` would explain, or send to another region,
requests that no one picked.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mitmproxy import ctx
from mitmproxy.flow import Flow
from mitmproxy.types import CommandTypes, _FlowsType

if TYPE_CHECKING:
    from mitmproxy.command import CommandManager

NOT_YOURS = (
    "{} is known to the browser alone; name the flow that is open by its id, as the address bar"
    " shows it (/flows/ID/…): @ID, or name flows by a filter"
)

_IN_BROWSER = {"@focus", "@shown", "@hidden"}


class ChosenFlows(Sequence[Flow]):
    """What a command takes in the place of `Sequence[Flow]`."""


class _ChosenFlowsType(_FlowsType):
    typ = ChosenFlows

    def parse(self, manager: "CommandManager", t: type, s: str) -> Sequence[Flow]:
        """Return the flows that a text stands for; raise ValueError for what is not known here."""
        if s in _IN_BROWSER and not hasattr(ctx.master, "keymap"):  # only the console has one
            raise ValueError(NOT_YOURS.format(s))
        return super().parse(manager, t, s)


CommandTypes.typemap[ChosenFlows] = _ChosenFlowsType()
