"""Which boot this is, where Linux does not tell: macOS and the BSDs ask sysctl."""

import pytest

from mailbatch.ledger import boot


@pytest.fixture
def sysctl(tmp_path, monkeypatch):
    """A system without /proc, whose sysctl knows these names and no others."""
    monkeypatch.setattr(boot, "_LINUX", tmp_path / "no-such-file")
    monkeypatch.setenv("PATH", str(tmp_path))

    def knows(**values):
        cases = "".join(
            f"  {name.replace('_', '.')}) echo '{value}';;\n" for name, value in values.items()
        )
        program = tmp_path / "sysctl"
        program.write_text(
            '#!/bin/sh\n[ "$1" = -n ] || exit 2\n'
            f'case "$2" in\n{cases}  *) echo unknown; exit 1;;\nesac\n'
        )
        program.chmod(0o755)

    return knows


def test_a_mac_has_an_id_for_every_boot_session(sysctl):
    sysctl(kern_bootsessionuuid="6E2F-77", kern_boottime="{ sec = 1 }")
    assert boot.boot_id() == "kern.bootsessionuuid=6E2F-77"


def test_a_bsd_has_the_time_of_its_boot(sysctl):
    sysctl(kern_boottime="{ sec = 1700000000, usec = 0 }")
    assert boot.boot_id() == "kern.boottime={ sec = 1700000000, usec = 0 }"


def test_an_empty_answer_is_none(sysctl):
    sysctl(kern_bootsessionuuid="", kern_boottime="{ sec = 2 }")
    assert boot.boot_id() == "kern.boottime={ sec = 2 }"


@pytest.mark.parametrize("installed", [True, False])
def test_where_nothing_tells_every_call_is_another_boot(sysctl, installed):
    """Then whatever was under way counts as lost with the power: too much doubt, not too little."""
    if installed:
        sysctl()
    first, second = boot.boot_id(), boot.boot_id()
    assert first != second
    assert first.startswith("unknown-")


def test_what_is_no_text_is_no_id(sysctl, tmp_path):
    (tmp_path / "no-such-file").write_bytes(b"\xff\xfe\n")
    sysctl(kern_boottime="{ sec = 3 }")
    assert boot.boot_id() == "kern.boottime={ sec = 3 }"
