"""What Tornado reads from a request."""

import asyncio
import json
import logging

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from .common import document, pairs


class Handler(RequestHandler):
    def get(self) -> None:
        it = self.request
        read = [("path", "", it.path)]
        for place, arguments in (("query", it.query_arguments), ("form", it.body_arguments)):
            read += [(place, n, v.decode("latin-1")) for n, vs in arguments.items() for v in vs]
        read += pairs(
            "form",
            [(n, [it.body.decode("latin-1") for it in files]) for n, files in it.files.items()],
        )
        read.append(("json", "", document(it.body)))
        read += [("cookie", name, morsel.value) for name, morsel in it.cookies.items()]
        read += [("header", name.lower(), value) for name, value in it.headers.get_all()]
        self.finish(json.dumps(read))

    post = get


async def main() -> None:
    logging.disable(logging.CRITICAL)
    server = HTTPServer(Application([(".*", Handler)]))
    (socket,) = bind_sockets(0, "127.0.0.1")
    server.add_sockets([socket])
    print(socket.getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
