"""Flows that are loaded keep the host that they had, whatever the mode.

In a reverse mode, mitmproxy writes the mode's host over the Host of each flow that it reads
(`Master.load_flow` in master.py), with `-r`, in the console and in mitmweb. Here that host is
`unrouted.invalid`, and the table says where a request goes.
"""

from mitmproxy import eventsequence
from mitmproxy.flow import Flow
from mitmproxy.master import Master


async def load_flow(self: Master, flow: Flow) -> None:
    """Let each addon see a flow as it was read."""
    for event in eventsequence.iterate(flow):
        await self.addons.handle_lifecycle(event)
