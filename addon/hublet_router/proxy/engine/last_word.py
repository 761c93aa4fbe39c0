"""The last word on a request: its decision comes after every other addon, and after a person.

mitmproxy calls addons in the order of its chain, in which scripts stand before many built-in ones
(`default_addons` in addons/__init__.py): `modify_headers`, `map_remote` and later scripts would
edit a request after its decision. A flow that is intercepted waits only when all hooks are over
(`handle_hook` in proxy/mode_servers.py), so what a person edits would be seen by none of them.
"""

from collections.abc import Awaitable, Callable

from mitmproxy import ctx, http
from mitmproxy.hooks import UpdateHook

type Decide = Callable[[http.HTTPFlow], None]
"""Decides a flow, by its head or when it is whole."""


class LastWord:
    """Has the hooks that decide, at the end of the chain."""

    name = "hublet-router-last-word"

    def __init__(self, decide_head: Decide, decide_whole: Decide) -> None:
        self._decide_head = decide_head
        self._decide_whole = decide_whole

    def append(self) -> None:
        """Take the last place; what comes to the chain after that is not seen."""
        self.remove()
        ctx.master.addons.add(self)

    def remove(self) -> None:
        """Give it up."""
        if ctx.master.addons.get(self.name) is self:
            ctx.master.addons.remove(self)

    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Decide what can be decided by the head."""
        return _after_interception(flow, self._decide_head)

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Decide the rest, and again what has changed."""
        return _after_interception(flow, self._decide_whole)


def _after_interception(flow: http.HTTPFlow, decide: Decide) -> Awaitable[None] | None:
    if flow.intercepted:
        return _decide_when_resumed(flow, decide)
    decide(flow)
    return None


async def _decide_when_resumed(flow: http.HTTPFlow, decide: Decide) -> None:
    await ctx.master.addons.trigger_event(UpdateHook([flow]))  # so that a person sees it now
    await flow.wait_for_resume()
    decide(flow)
