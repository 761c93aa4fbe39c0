"""The list of addons that mitmproxy loads, empty where something that they need is missing."""

import logging

from .requirements import missing

addons = []

if sentences := missing():
    for sentence in sentences:
        logging.getLogger(__name__).error(sentence)  # an error at start ends mitmproxy with 1
else:
    from .proxy.addon import HubletRouter

    addons.append(HubletRouter())
