"""The rows worth looking at."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.checks.findings import Finding
from mailbatch.checks.selection import Selection
from mailbatch.errors import Location
from mailbatch.render.tracing import Branch

from .making import content, delivery

COLUMNS = ("email", "name")
READ = frozenset(("name",))


def branch(number, words=""):
    return Branch(("letter", number), Location("letter", number), "{% if x %}", words=words)


def choose(names, *, limit=50, taken=None, keep=(), findings=None, errors=None):
    selection = Selection(COLUMNS, read=READ, limit=limit, keep=keep)
    for number, name in enumerate(names):
        given = (taken or {}).get(number, ())
        selection.see(
            delivery(number, f"p{number}@example.com", name),
            content=content(),
            taken={one.key: one for one in given},
            findings=(findings or {}).get(number, ()),
            error=(errors or {}).get(number),
        )
    return selection.choose()


def numbers(chosen):
    return [one.delivery.id for one in chosen]


def reasons(chosen):
    return {one.delivery.id: one.reasons for one in chosen}


def test_every_branch_is_shown_once():
    """Also where the row that takes it is the last of many."""
    first, second = branch(1), branch(2, "plan is gold")
    chosen = choose(["x"] * 500, limit=2, taken={0: [first], 499: [second]})
    assert numbers(chosen) == [0, 499]
    assert reasons(chosen)[499] == ["plan is gold"]


def test_longest_shortest_empty_and_beyond_ascii():
    names = ["Bob", "Ann", "Maximiliane", "Al", "", "Zoë", "Bob"]
    told = reasons(choose(names))
    assert "longest name" in told[2]
    assert "shortest name" in told[3]
    assert "name is empty" in told[4]
    assert "special letters in name" in told[5]
    assert told[6] == []


def test_values_of_one_length_tell_nothing():
    assert all(not why for why in reasons(choose(["abc", "abd", "abe"])).values())


def test_columns_that_nobody_reads_tell_nothing():
    selection = Selection(COLUMNS, read=frozenset(), limit=5)
    for number, name in enumerate(["a", "bbb", ""]):
        selection.see(delivery(number, "x", name), content=None, taken={}, findings=(), error=None)
    assert all(one.reasons == [] for one in selection.choose())


def test_failures_and_first_warnings_come_before_fillers():
    warning, info = Finding("MB206", "x"), Finding("MB209", "x")
    chosen = choose(
        ["x"] * 100,
        limit=3,
        errors={70: "broken"},
        findings={80: [warning], 81: [warning], 82: [info]},
    )
    assert {70, 80} <= set(numbers(chosen))
    assert not {81, 82} & set(numbers(chosen))
    assert reasons(chosen)[80] == ["check: an image has no alt text"]


def test_what_is_kept_comes_on_top_of_the_limit():
    """And nothing is filled up then: it would only seem new."""
    warnings = {number: [Finding(f"MB20{number}", "x")] for number in (3, 4, 5)}
    keep = {"p30@example.com", "p31@example.com"}
    chosen = choose(["x"] * 100, limit=2, keep=keep, findings=warnings)
    assert numbers(chosen) == [3, 4, 30, 31]
    assert numbers(choose(["x"] * 100, limit=9, keep=keep)) == [30, 31]


def test_groups_and_many_rows_are_worth_looking_at():
    selection = Selection(COLUMNS, read=READ, limit=2)
    plain = delivery(1, "a", "x")
    big = delivery(2, "b", "x", addresses=("b@example.com", "c@example.com"))
    for one in (plain, big):
        selection.see(one, content=None, taken={}, findings=(), error=None)
    assert reasons(selection.choose())[2] == ["most recipients"]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text(max_size=8), min_size=1, max_size=120),
    st.integers(min_value=1, max_value=60),
)
def test_the_choice_is_within_its_limit_in_order_and_always_the_same(names, limit):
    chosen = numbers(choose(names, limit=limit))
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= min(limit, len(names))
    assert chosen
    assert numbers(choose(names, limit=limit)) == chosen


def test_fillers_are_spread_over_the_table():
    chosen = numbers(choose(["x"] * 10_000, limit=50))
    assert len(chosen) == 50
    assert max(chosen) > 3_000


def test_a_branch_without_plain_words_is_named_by_its_place():
    chosen = choose(["x"] * 2, taken={0: [branch(1)], 1: [branch(7)]})
    assert reasons(chosen)[2 - 1] == ["another part, line 7 of letter"]


def test_many_branches_are_not_all_told():
    parts = [branch(n, f"plan is {n}") for n in range(6)]
    told = reasons(choose(["x"] * 2, taken={1: parts}))[1]
    assert told == ["plan is 0", "plan is 1", "plan is 2", "other parts of the letter"]
