"""nginx before a receiver, by the recipe of "Receive what the provider posts", on loopback.

The recipe is the page's own, but for names, ports and files. `.ci/servers` gets the program;
an installed one will do.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import free_port
from tests.support.postfix import obstacle
from tests.support.real_server import DEBIAN, ROOT
from tests.support.waiting import listens, until

PAGE = ROOT / "docs" / "how-to" / "receive.md"
_PLACES = (DEBIAN / "usr" / "sbin" / "nginx", Path("/usr/sbin/nginx"))
_MAIN = """\
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
{user}
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    access_log {folder}/access.log;
{server}
}}
"""


def recipe() -> str:
    """The server block of the page."""
    found = re.search(r"```nginx[^\n]*\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@contextmanager
def nginx(folder: Path, upstream: int, certificate: Path) -> Iterator[int]:
    """Start nginx before `upstream`; yields the port with TLS. `certificate` is chain and key."""
    program = next((place for place in _PLACES if place.exists()), None)
    if program is None:
        obstacle("nginx is not installed")
    assert program is not None
    port = free_port()
    changes = {
        r"listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        r"ssl_certificate +\S+;": f"ssl_certificate {certificate};",
        r"ssl_certificate_key \S+;": f"ssl_certificate_key {certificate};",
        r"http://127\.0\.0\.1:8025;": f"http://127.0.0.1:{upstream};",
    }
    server = recipe()
    for pattern, text in changes.items():
        server, times = re.subn(pattern, text, server)
        assert times == 1, f"the page has {times} times {pattern}"
    folder.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""  # who may read the folders of a test
    configuration = folder / "nginx.conf"
    configuration.write_text(_MAIN.format(folder=folder, server=server, user=user))
    process = subprocess.Popen([program, "-p", folder, "-e", "error.log", "-c", configuration])
    try:
        until(lambda: process.poll() is not None or listens(port), what="nginx listens")
        assert process.poll() is None, (folder / "error.log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait()
