"""One name of a host wherever it stands: the server, addresses, links. IDNA 2008, never 2003."""

from __future__ import annotations

import pytest

from mailbatch.host_names import a_labels
from mailbatch.recipients.address import parse_address
from mailbatch.render.addresses import wire_address
from mailbatch.render.uris import mail_address, web_address

#: In the order: what IDNA 2003 has otherwise, other scripts, what UTS 46 maps.
NAMES = {
    "straße.example": "xn--strae-oqa.example",
    "faß.example": "xn--fa-hia.example",
    "βόλος.example": "xn--nxasmm1c.example",
    "مثال.example": "xn--mgbh0fb.example",
    "例え.example": "xn--r8jz45g.example",
    "Bücher.example": "xn--bcher-kva.example",
    "bu\u0308cher.example": "xn--bcher-kva.example",
    "xn--strae-oqa.example": "xn--strae-oqa.example",
    "mail.example.com": "mail.example.com",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_the_same_in_every_room(name):
    assert a_labels(name) == NAMES[name]
    assert web_address(f"https://{name}/a") == f"https://{NAMES[name]}/a"
    assert mail_address(f"leave@{name}") == f"mailto:leave@{NAMES[name]}"
    assert wire_address(f"news@{name}") == f"news@{NAMES[name]}"
    assert parse_address(f"ann@{name}") == f"ann@{NAMES[name]}"


@pytest.mark.parametrize("name", ["☕.example", "i❤.example", "ü-.example", "-ü.example", "ü..x"])
def test_what_idna_has_no_name_for_is_refused_in_every_room(name):
    for read in (
        a_labels,
        lambda host: web_address(f"https://{host}/"),
        lambda host: wire_address(f"news@{host}"),
        lambda host: parse_address(f"ann@{host}"),
    ):
        with pytest.raises(ValueError, match=r".+"):
            read(name)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "fe80::1%eth0", "my_host", "MAIL.example.com."]
)
def test_what_is_ascii_stays_as_it_is(host):
    assert a_labels(host) == host
