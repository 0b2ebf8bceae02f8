"""What a template may make: a value that would be too much is refused before it is made."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from mailbatch.errors import JobError, Location, TemplateError
from mailbatch.expressions.budget import LONGEST
from mailbatch.recipients.where import compile_where
from mailbatch.render.edition import render_edition

from .making import NOW, ROW, make_composer, make_delivery, make_job, parse

GROW = "{% set ns = namespace(v='x') %}{% for _ in range(60) %}{% set ns.v = GROWN %}{% endfor %}"
NEST = GROW.replace("GROWN", "[ns.v, ns.v]")
KEEP = (
    "{% set ns = namespace(v=[]) %}{% set s = 'x' * 1000000 %}"
    "{% for _ in range(9999) %}{% set ns.v = KEPT %}{% endfor %}"
)
#: `n` is a cell, 999999999, as a number.
HUGE = [
    "{{ 'x' * n }}", "{{ n * 'x' }}", "{{ 'x' * 9999999999 }}", "{{ ([0] * n)|length }}",
    "{{ 10 ** n }}", "{{ 10 ** (10 ** 10) }}", "{{ (1).to_bytes(n, 'big') }}",
    "{% set ns = namespace(v=7) %}{% for _ in range(60) %}{% set ns.v = ns.v * ns.v %}{% endfor %}",
    "{{ '%999999999d' % 1 }}", "{{ '%*d' % (n, 1) }}", "{{ '%.999999999f' % 1 }}",
    "{{ '%(a)s%(a)s' % {'a': 'x' * 1000000} }}",
    "{{ '%999999999s'|format('x') }}", "{{ '%*s'|format(n, 'x') }}",
    "{{ '{:>999999999}'.format(1) }}", "{{ '{:>{w}}'.format(1, w=n) }}",
    "{{ '{:>{w}}'.format(1, w=id) }}", "{{ '{a:>999999999}'.format_map({'a': 1}) }}",
    "{{ ('{a!r:>999999999}'|attr('format'))(a=1) }}",
    "{{ 'x'|center(n) }}", "{{ 'x'|center(width=n) }}", "{{ 'x'|indent(n, true) }}",
    "{{ ('x\n' * 5000)|indent('y' * 1000) }}",
    "{{ 'x'.ljust(n) }}", "{{ 'x'.rjust(n) }}", "{{ 'x'.center(n) }}", "{{ 'x'.zfill(n) }}",
    "{{ '\t'.expandtabs(n) }}", "{{ '\t'.expandtabs(tabsize=n) }}", "{{ 'x'.encode().ljust(n) }}",
    "{{ ('x'|attr('ljust'))(n) }}",
    "{{ ('x' * 1000).replace('', 'y' * 100000) }}", "{{ ('x' * 1000)|replace('x', 'y' * 9999) }}",
    "{{ ('x' * 10000).join('x' * 10000) }}", "{{ range(99999)|join('y' * 10000) }}",
    "{{ ('x' * 10000)|list|join('y' * 10000) }}", "{{ ','.join(['y' * 100000] * 1000) }}",
    "{{ (rows * 9999)|join('y' * 1000, attribute='id') }}",
    "{{ ('x' * 10000).translate({120: 'y' * 10000}) }}",
    "{{ 'x'|batch(n, 'y')|list }}", "{{ 'x'|slice(n)|list }}", "{{ [[0] * 10000] * 10000 }}",
    "{{ ([[0] * 10000] * 10)|sum(start=[0] * 100000) }}", "{{ [1]|tojson(indent=n) }}",
    "{{ 1.5|round(n, 'floor') }}", "{{ ['x']|map('center', n)|list }}",
    "{{ ('a ' * 1000)|wordwrap(1, wrapstring='x' * 100000) }}",
    "{{ ('http://a.bc ' * 1000)|urlize(rel='x' * 100000) }}",
    "{% filter center(999999999) %}x{% endfilter %}",
    GROW.replace("GROWN", "ns.v + ns.v"), GROW.replace("GROWN", "ns.v ~ ns.v"),
    GROW.replace("GROWN", "[ns.v, ns.v]|join"),
    GROW.replace("'x'", "[0]").replace("GROWN", "ns.v + ns.v"),
    NEST + "{{ ns.v }}", NEST + "{{ ns.v|upper }}", NEST + "{{ ns.v ~ 'x' }}",
    NEST + "{{ '%s' % ns.v }}",
    NEST + "{{ '{}'.format(ns.v) }}", NEST + "{{ '{!r}'.format(ns.v) }}",
    NEST + "{{ ns.v|tojson }}",
    NEST + "{{ ns.v|string|length }}", NEST + "{{ {'a': ns.v}|xmlattr }}",
    KEEP.replace("KEPT", "ns.v + [s|upper]"), KEEP.replace("KEPT", "(ns.v, s[1:])"),
    KEEP.replace("KEPT", "namespace(v=ns.v, s=s[1:])"),
    KEEP.replace("KEPT", "dict(v=ns.v, s=s[1:])"),
    KEEP.replace("KEPT", "{'v': ns.v, 's': s[1:]}"),
    "{% set s = 'x' * 99999 %}{% set t %}{% for _ in range(9999) %}{{ s }}{% endfor %}{% endset %}",
    "{% set s = '<' * 100000 %}{% for _ in range(9999) %}{{ s|e }}{{ s|upper }}{% endfor %}",
    "{% set s = 'x' * 1000000 %}{{ s.split('x')|length }}",
    "{% for _ in range(99999) %}{% for _ in range(99999) %}{% endfor %}{% endfor %}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
    "{% for x in [[1, 2]] recursive %}{{ loop([[1]]) }}{{ loop([[1]]) }}{% endfor %}",
    "{% for x in range(99999)|map('string') %}{% for y in range(99) %}{% endfor %}{% endfor %}",
]  # fmt: skip
#: More than any of these may take, and much less than they would.
MEMORY = 1 << 30


@pytest.fixture(scope="module", autouse=True)
def memory():
    """Let whatever would take gigabytes fail, not the machine."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize(
    ("template", "role"),
    [*((template, "text") for template in HUGE), *((template, "html") for template in HUGE[::4])],
)
def test_what_would_be_too_much_makes_its_row_invalid(
    tmp_path: Path, template: str, role: str
) -> None:
    name = "letter.txt.j2" if role == "text" else "letter.html.j2"
    job = make_job(
        tmp_path,
        {role: name} if role == "html" else None,
        {name: "{% set n = id|int %}\n" + template},
    )
    composer = make_composer(job)
    with pytest.raises(TemplateError) as caught:
        composer.compose(make_delivery({**ROW, "id": "999999999"}), eight_bit=True)
    assert any(word in str(caught.value) for word in ("more than", "recursion"))
    assert str(caught.value).startswith(f"{name}:")


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("{{ '-' * 60 }}", "-" * 60),
        ("{{ ('-' * 1048576)|length }}", "1048576"),
        ("{{ 2 ** 10 + 3 * 4 % 5 }}", "1026"),
        ("{{ 'x'|center(5) }}|{{ 'x'.ljust(5) }}|{{ '7'.zfill(3) }}", "  x  |x    |007"),
        ("{{ '%.2f'|format(1.5) }} {{ '%5d' % 7 }} {{ '%(a)s' % {'a': 1} }}", "1.50     7 1"),
        ("{{ '{:>5}|{a!r}'.format('x', a='y') }}", "    x|'y'"),
        ("{{ [1, 2] + [3] }} {{ (1, 'a') }} {{ {'a': [1]} }}", "[1, 2, 3] (1, 'a') {'a': [1]}"),
        ("{{ 'a,b'.split(',')|join('; ') }} {{ range(3)|list }}", "a; b [0, 1, 2]"),
        ("{{ 'a-b'.replace('-', '+') }} {{ 'a-b'|replace('-', '+') }}", "a+b a+b"),
        ("{{ [3, 1]|sum }} {{ [[1], [2]]|sum(start=[]) }} {{ 2.55|round(1) }}", "4 [1, 2] 2.5"),
        ("{{ 'abc'|batch(2, '.')|list }}", "[['a', 'b'], ['c', '.']]"),
        ("{{ 'abc'|slice(2)|list }}", "[['a', 'b'], ['c']]"),
        ("{{ 'a\nb'|indent(2) }}", "a\n  b"),
        ("{{ [1]|tojson }} {{ 'a b'|wordwrap(1) }} {{ 'a' ~ 1 ~ [2] }}", "[1] a\nb a1[2]"),
        (GROW.replace("60", "2000").replace("GROWN", "ns.v + 'ab'") + "{{ ns.v|length }}", "4001"),
        ("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(1) }}{{ m([1]) }}", "<1><[1]>"),
        ("{{ rows|map(attribute='id')|join('+') }} {{ rows|join('+', 'id') }}", "17 17"),
    ],
)  # fmt: skip
def test_what_is_not_too_much_is_as_ever(tmp_path: Path, template: str, made: str) -> None:
    composer = make_composer(make_job(tmp_path, files={"letter.txt.j2": template}))
    message = composer.compose(make_delivery(ROW), eight_bit=True)
    body = parse(message).get_body(["plain"])
    assert body is not None
    assert body.get_content().replace("\r", "").rstrip("\n") == made


def test_every_template_of_a_job_is_bounded(tmp_path: Path) -> None:
    huge = "{{ 'x' * id|int }}"
    attachment = {"path": "letter.txt.j2", "filename": f"{huge}.txt"}
    for message in ({"subject": huge}, {"headers": {"X-A": huge}}, {"attachments": attachment}):
        composer = make_composer(make_job(tmp_path, message))
        with pytest.raises(TemplateError, match=f"makes a value of more than {LONGEST}"):
            composer.compose(make_delivery({**ROW, "id": "999999999"}), eight_bit=True)


def test_each_rendering_has_a_budget_of_its_own(tmp_path: Path) -> None:
    loop = "{% for i in range(90000) %}{% endfor %}{{ 'x' * 900000 }}"
    composer = make_composer(make_job(tmp_path, files={"letter.txt.j2": loop}))
    for _ in range(40):
        assert composer.compose(make_delivery(ROW), eight_bit=True).size > 900_000


def test_the_edition_is_bounded(tmp_path: Path) -> None:
    for edition in ("{{ 'x' * 10 ** 10 }}", "{{ now.strftime('%Y').ljust(10 ** 10) }}"):
        with pytest.raises(TemplateError, match="makes a value of more than"):
            render_edition(make_job(tmp_path, edition=edition), NOW)


@pytest.mark.parametrize(
    "expression",
    ["'x' * plan|int == ''", "(plan|int) ** (plan|int) > 0", "'x'.ljust(plan|int) == ''",
     "'%*d' % (plan|int, 1) == ''", "'x'|center(plan|int) == ''", "[0] * plan|int == []"],
)  # fmt: skip
def test_where_is_bounded(expression: str) -> None:
    condition = compile_where(expression, ("plan",), names={}, location=Location("job.yaml"))
    with pytest.raises(ValueError, match="`where` fails: makes a "):
        condition(("999999999",))
    assert condition(("0",)) in {True, False}


def test_a_constant_is_an_error_of_the_job_at_once(tmp_path: Path) -> None:
    with pytest.raises((TemplateError, JobError), match="makes a value of more than"):
        render_edition(make_job(tmp_path, edition="{{ 'x' * 9999999999 }}"), NOW)
