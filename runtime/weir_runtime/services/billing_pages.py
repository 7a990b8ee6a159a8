"""The pages of a query service: whole documents without anything from elsewhere."""

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Final
from urllib.parse import quote

_FOLDER: Final = files(__package__) / "pages"
_STYLE: Final = (_FOLDER / "billing.css").read_text(encoding="utf-8")


def key_page(view: str, key: Sequence[str]) -> str:
    """The total of a key as it moves, and its periods."""
    path = "/".join(quote(part, safe="") for part in (view, *key))
    return _page("billing_key.html", " / ".join(key), {"view": view, "key": list(key), "path": f"views/{path}"})


def view_page(view: str) -> str:
    """The keys of a view with the greatest totals."""
    return _page("billing_view.html", view, {"view": view, "path": f"views/{quote(view, safe='')}"})


def index(views: Sequence[str]) -> str:
    """The views."""
    items = "".join(f'<li><a href="live/{quote(view, safe="")}">{escape(view)}</a></li>' for view in views)
    body = f'<h1>Totals</h1><ul class="plain">{items}</ul><p><a href="docs">How to ask by HTTP</a></p>'
    return _plain("Totals", body)


def missing(view: str) -> str:
    """For a view that is not there."""
    return _plain("Not there", f'<h1>There is no view “{escape(view)}”</h1><p><a href="/">All views</a></p>')


def docs(description: dict[str, object]) -> str:
    """The routes for people."""
    paths = description["paths"]
    assert isinstance(paths, dict)
    rows = "".join(
        f"<h2><code>GET {escape(path)}</code></h2><p>{escape(route['get']['summary'])}</p>"
        + "".join(
            f"<p class=note><code>{escape(one['name'])}</code> {escape(one['description'])}</p>"
            for one in route["get"]["parameters"]
        )
        for path, route in paths.items()
    )
    info = description["info"]
    assert isinstance(info, dict)
    body = f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>{rows}"
    return _plain("How to ask", body + '<p><a href="openapi.json">As OpenAPI</a></p>')


def _page(file: str, title: str, data: dict[str, object]) -> str:
    # Within a script element nothing but `</` can end it.
    told = json.dumps(data).replace("<", "\\u003c")
    body = Template((_FOLDER / file).read_text(encoding="utf-8")).substitute(data=told)
    return _plain(title, body)


def _plain(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )
