"""The page's scripts: the ES modules of `static/`, served one by one or joined into one script.

The page puts one name on `window`: `NextOmni`, the promise of `static/main.js`. What Gradio
evaluates (the `js_on_load` of a component, the `js` of an event) calls its functions by `mount`
and `call`. A page that opens from the disk cannot import files: it has its modules in one script.
"""

import re
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePosixPath

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response

STATIC = Path(__file__).parent / "static"
MAIN = "main.js"
YEAR_S = 365 * 86400
IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const)) (\w+)", re.MULTILINE)


def mount(function: str, arguments: str, *events: str) -> str:
    """Return the `js_on_load` of a component: call a function of `main.js` with its element.

    events: those that it triggers. Gradio looks for their names in quotes.
    """
    named = " ".join(f"'{event}'" for event in events)
    return f"{call(function, f'element, {arguments}'.rstrip(', '))}; /* {named} */"


def call(function: str, arguments: str) -> str:
    """Return a JavaScript expression: the promise of what a function of `main.js` returns."""
    return f"NextOmni.then((page) => page.{function}({arguments}))"


def head() -> str:
    """Return the elements that load the modules, all at once, below an address of this version.

    Addresses are relative to the page, which may lie below a prefix behind a proxy.
    """
    at = f"scripts/{_version()}"
    loads = "".join(f'<link rel="modulepreload" href="{at}/{n}">' for n in closure(MAIN))
    main = f'new URL("{at}/{MAIN}", document.baseURI)'
    return f"{loads}<script>window.NextOmni = import({main});</script>"


def add_script_route(server: FastAPI) -> None:
    """Serve the modules on `server`. A version's address never changes its content."""
    headers = {"cache-control": f"public, max-age={YEAR_S}, immutable"}
    version, names = _version(), set(_names())

    def script(asked: str, name: str) -> Response:
        if asked != version or name not in names:
            return Response(status_code=404)
        return FileResponse(STATIC / name, media_type="text/javascript", headers=headers)

    server.add_api_route("/scripts/{asked}/{name:path}", script, response_model=None)


def bundle(entry: str) -> str:
    """Return one script in which `modules[entry]` holds what the module `entry` exports.

    Each module becomes a function of its own, so that names of two modules do not meet.
    """
    parts = ["const modules = {};"]
    for name in closure(entry):
        source = (STATIC / name).read_text()
        exported = ", ".join(found for _, found in EXPORT.findall(source))
        body = IMPORT.sub(lambda found, name=name: _taken(found, name), source)
        body = EXPORT.sub(r"\1 \2", body)
        parts.append(f'modules["{name}"] = (() => {{\n{body}\nreturn {{ {exported} }};\n}})();')
    return "\n".join(parts)


def closure(entry: str) -> list[str]:
    """Return a module and all that it imports, each after those that it imports.

    Raises: ValueError where modules import each other in a circle.
    """
    order: list[str] = []
    _visit(entry, [], order)
    return order


def _visit(name: str, above: Sequence[str], order: list[str]) -> None:
    if name in above:
        raise ValueError(f"modules import each other: {' > '.join([*above, name])}")
    if name in order:
        return
    for _, path in IMPORT.findall((STATIC / name).read_text()):
        _visit(_resolved(path, name), [*above, name], order)
    order.append(name)


def _taken(found: re.Match[str], name: str) -> str:
    """Return the statement that takes the imported names from `modules`."""
    names = found[1].replace(" as ", ": ")
    return f'const {{{names}}} = modules["{_resolved(found[2], name)}"];'


def _resolved(path: str, importer: str) -> str:
    """Return the name of the module that `importer` knows by a relative path."""
    parts = list(PurePosixPath(importer).parent.parts)
    for step in PurePosixPath(path).parts:
        if step == "..":
            parts.pop()
        else:
            parts.append(step)
    return "/".join(parts)


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(file.relative_to(STATIC).as_posix() for file in STATIC.rglob("*.js")))


@cache
def _version() -> str:
    """Return a digest of all modules."""
    whole = sha256()
    for name in _names():
        whole.update(name.encode() + b"\0" + (STATIC / name).read_bytes() + b"\0")
    return whole.hexdigest()[:12]
