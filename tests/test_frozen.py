"""Values behave as frozen dataclasses with slots do, which write their methods at once."""

from __future__ import annotations

import copy
import inspect
import pickle
import typing
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import ClassVar

import pytest

from mailbatch.frozen import frozen


def classes(decorated):
    """A class with a field of each kind, one without fields, and one that derives."""

    @decorated
    class Parent:
        """A value."""

        kind: ClassVar[str] = "one"
        a: int
        b: str = "b"
        c: list[int] = field(default_factory=list, compare=False)
        d: int = field(default=4, repr=False)
        e: int = field(init=False)
        g: int = field(default=7, init=False, hash=False)
        h: dict[str, int] = field(default_factory=dict, init=False, compare=False)
        f: str = field(default="f", kw_only=True)

        def __post_init__(self):
            object.__setattr__(self, "e", self.a + 1)

        def doubled(self):
            return self.a * 2

    @decorated
    class Child(Parent):
        i: int = 9

    @decorated
    class Empty:
        """Nothing."""

    @decorated
    class Own:
        a: int

        def __init__(self, text):
            object.__setattr__(self, "a", len(text))

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 1

        def __repr__(self):
            return "own"

    @decorated
    class OwnEquality:  # noqa: PLW1641 - the value has one
        a: int

        def __eq__(self, other):
            return isinstance(other, type(self))

    for one in (Parent, Child, Empty, Own, OwnEquality):
        one.__qualname__ = one.__name__
    return Parent, Child, Empty, Own, OwnEquality


OURS = dict(zip(("Parent", "Child", "Empty", "Own", "OwnEquality"), classes(frozen), strict=True))
THEIRS = dict(zip(OURS, classes(dataclass(frozen=True, slots=True)), strict=True))
BOTH = (OURS, THEIRS)


def said(call):
    """What a call returns or raises, as text."""
    try:
        return repr(call())
    except Exception as error:  # noqa: BLE001 - any failure is compared
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize(
    "call",
    [
        lambda of: of["Parent"](1),
        lambda of: of["Parent"](1, "x", [1], 5, f="y"),
        lambda of: of["Parent"](),
        lambda of: of["Parent"](1, z=2),
        lambda of: of["Parent"](1, "b", [], 4, "f"),
        lambda of: of["Parent"](1, e=2),
        lambda of: of["Child"](1, i=3),
        lambda of: of["Child"](1) == of["Child"](1),
        lambda of: of["Child"](1) == of["Parent"](1),
        lambda of: of["Child"](1) == 1,
        lambda of: of["Parent"](1) == of["Parent"](1, c=[2]),
        lambda of: of["Parent"](1) == of["Parent"](1, d=2),
        lambda of: hash(of["Parent"](1)),
        lambda of: hash(of["Child"](1, c=[2])),
        lambda of: {of["Parent"](1), of["Parent"](1)},
        lambda of: (of["Empty"](), of["Empty"]() == of["Empty"](), hash(of["Empty"]())),
        lambda of: (of["Own"]("abc"), of["Own"]("abc").a, of["Own"]("a") == 2, hash(of["Own"](""))),
        lambda of: of["OwnEquality"](1) == of["OwnEquality"](2),
        lambda of: hash(of["OwnEquality"](1)),
        lambda of: setattr(of["Parent"](1), "a", 2),
        lambda of: setattr(of["Child"](1), "i", 2),
        lambda of: delattr(of["Parent"](1), "a"),
        lambda of: of["Parent"](1).__dict__,
        lambda of: replace(of["Child"](1), a=5, f="z"),
        lambda of: replace(of["Parent"](1), e=5),
        lambda of: asdict(of["Child"](1)),
        lambda of: [one.name for one in fields(of["Child"])],
        lambda of: copy.copy(of["Child"](3)),
        lambda of: copy.deepcopy(of["Parent"](3, c=[1])),
        lambda of: of["Child"].__match_args__,
        lambda of: of["Parent"](4).doubled(),
        lambda of: (of["Parent"].kind, of["Parent"].__doc__),
        lambda of: inspect.signature(of["Parent"]),
        lambda of: inspect.signature(of["Own"]),
        lambda of: typing.get_type_hints(of["Child"](1).__init__),
    ],
)
def test_a_value_does_what_a_dataclass_does(call):
    assert said(lambda: call(OURS)) == said(lambda: call(THEIRS))


@frozen
class Kept:
    """A value that can be pickled: it stands in a module."""

    a: int
    b: tuple[str, ...] = ()


def test_a_value_goes_through_a_pipe():
    assert pickle.loads(pickle.dumps(Kept(1, ("x",)))) == Kept(1, ("x",))  # noqa: S301


def test_a_method_is_written_when_it_is_called_first():
    @frozen
    class Late:
        a: int

    names = ("__init__", "__eq__", "__hash__")
    before = [Late.__dict__[name] for name in names]
    one = Late(1)
    assert (one == Late(1), hash(one)) == (True, hash((1,)))
    for name, late in zip(names, before, strict=True):
        assert Late.__dict__[name] is not late
        assert Late.__dict__[name].__qualname__.endswith(f"Late.{name}")
    assert before[1](one, Late(1))  # a thread that had it in hand already


def test_a_class_that_derives_has_the_methods_of_the_value():
    class Derived(Kept):
        """No value itself."""

    assert Derived(2) == Derived(2)
    assert Derived(2) != Kept(2)
    assert repr(Derived(2)).endswith("Derived(a=2, b=())")
    with pytest.raises(FrozenInstanceError):
        Derived(2).a = 3
