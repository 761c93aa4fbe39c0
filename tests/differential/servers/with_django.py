"""What Django reads from a request."""

import contextlib

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import re_path

from .common import document, pairs, serve


def view(request: HttpRequest) -> HttpResponse:
    read = [("path", "", request.path), *pairs("query", request.GET.lists())]
    body = request.body
    with contextlib.suppress(Exception):  # what Django refuses, no application reads
        read += pairs("form", request.POST.lists())
        for name, file in request.FILES.items():
            read.append(("form", name, file.read().decode("latin-1")))
    read.append(("json", "", document(body)))
    read += [("cookie", name, value) for name, value in request.COOKIES.items()]
    read += [("header", name.lower(), value) for name, value in request.headers.items()]
    return JsonResponse(read, safe=False)


urlpatterns = [re_path("", view)]
settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="synthetic", MIDDLEWARE=[],
    LOGGING_CONFIG=None, DATA_UPLOAD_MAX_NUMBER_FIELDS=None,
)  # fmt: skip
serve(get_wsgi_application())
