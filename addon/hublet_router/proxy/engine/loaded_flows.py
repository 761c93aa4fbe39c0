"""Flows that are loaded keep the host that they had, whatever the mode.

In a reverse mode, mitmproxy writes the mode's host over the Host of each flow that it reads
(`Master.load_flow` in master.py), with `-r`, in the console and in mitmweb. Here that host is
`unrouted.invalid`, and the table says where a request goes.
"""

from mitmproxy import ctx, eventsequence
from mitmproxy.flow import Flow


async def load_flow(flow: Flow) -> None:
    """Let each addon see a flow as it was read."""
    for event in eventsequence.iterate(flow):
        await ctx.master.addons.handle_lifecycle(event)


class LoadedFlows:
    """Loads flows so while the router is loaded."""

    name = "hublet-router-loaded-flows"

    def load(self, _loader: object) -> None:
        """Take the place of mitmproxy's own."""
        ctx.master.load_flow = load_flow  # type: ignore[method-assign]

    def done(self) -> None:
        """Leave mitmproxy as it was."""
        ctx.master.__dict__.pop("load_flow", None)
