"""What Werkzeug, and so Flask, reads from a request."""

import json

from werkzeug.wrappers import Request, Response

from .common import document, pairs, serve


@Request.application
def application(request: Request) -> Response:
    read = [("path", "", request.path), *pairs("query", request.args.lists())]
    body = request.get_data(cache=True, parse_form_data=False)
    read += pairs("form", request.form.lists())
    for name, file in request.files.items():
        read.append(("form", name, file.read().decode("latin-1")))
    read.append(("json", "", document(body)))
    read += pairs("cookie", request.cookies.lists())
    if it := request.authorization:
        read += pairs("header", [("authorization", (it.token, it.username, it.password))])
    read += [("header", name.lower(), value) for name, value in request.headers]
    return Response(json.dumps(read), mimetype="application/json")


serve(application)
