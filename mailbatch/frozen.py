"""Values: frozen dataclasses with slots, whose methods are written when they are called first.

`dataclasses` compiles six functions for each class, one by one, when the class is made. A start
makes some hundred classes, most of which it never calls, and those functions were a quarter of it.
So a value has its fields and slots from `dataclasses`, most methods share one function with all
values, and `__init__`, `__eq__` and `__hash__` are written at the first call.

    >>> @frozen
    ... class Point:
    ...     x: int
    ...     y: int = 0
    >>> Point(1) == Point(1, 0), Point(y=2, x=1)
    (True, Point(x=1, y=2))

`fields`, `replace`, `asdict`, `copy` and `pickle` work as with any dataclass. A value must never
derive from a class of `dataclass(frozen=True)`, nor the other way round: `dataclasses` refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, dataclass_transform

if TYPE_CHECKING:
    import inspect

T = TypeVar("T")


class _Factory:
    """In place of a field that is not given, and has a factory."""

    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Make a class a value, as `dataclass(frozen=True, slots=True)` does.

    A method that the class has itself stays.
    """
    own = {name for name, method in cls.__dict__.items() if method is not None}
    made = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    late = {name: _late(made, name, written) for name, written in _WRITTEN.items()}
    for name, method in (late | _SHARED).items():
        if name not in own:
            setattr(made, name, method)
    return made


def _late(cls: Any, name: str, written: Callable[[Any], Callable[..., Any]]) -> Callable[..., Any]:
    """Return a method of a class that is written, and put in place, when it is called first."""

    def put() -> Callable[..., Any]:
        method = written(cls)
        setattr(cls, name, method)
        return method

    def late(self: Any, /, *args: Any, **given: Any) -> Any:
        return put()(self, *args, **given)

    late.put = put  # type: ignore[attr-defined]
    return late


class _Signature:
    """The signature of a value, which few ask for and which costs as much as `__init__`."""

    def __get__(self, _: object, cls: Any) -> inspect.Signature:
        import inspect

        init = cls.__init__
        signature = inspect.signature(init.put() if hasattr(init, "put") else init)
        return signature.replace(parameters=list(signature.parameters.values())[1:])


def _init(cls: Any) -> Callable[..., Any]:
    """Write `__init__`, which sets each field past the `__setattr__` that refuses."""
    known: dict[str, Any] = {"_FACTORY": _FACTORY}
    lines = []
    given = sorted((one for one in fields(cls) if one.init), key=lambda one: bool(one.kw_only))
    for one in fields(cls):
        name, value = one.name, one.name
        if one.default_factory is not MISSING:
            known[f"_make_{name}"], made = one.default_factory, f"_make_{name}()"
            value = f"{made} if {name} is _FACTORY else {name}" if one.init else made
        elif one.default is not MISSING:
            known[f"_default_{name}"] = one.default
            value = name if one.init else f"_default_{name}"
        elif not one.init:
            continue  # __post_init__ sets it
        known[f"_set_{name}"] = getattr(cls, name).__set__
        lines.append(f"_set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    listed = ["self", *map(_parameter, given)]
    named = [one.name for one in given if one.kw_only]
    if named:
        listed.insert(len(listed) - len(named), "*")
    init = _compiled(cls, "__init__", ", ".join(listed), lines or ["pass"], known)
    init.__annotations__ = {one.name: one.type for one in given} | {"return": None}
    return init


def _parameter(one: Field[Any]) -> str:
    if one.default_factory is not MISSING:
        return f"{one.name}=_FACTORY"
    return one.name if one.default is MISSING else f"{one.name}=_default_{one.name}"


def _eq(cls: Any) -> Callable[..., Any]:
    names = [one.name for one in fields(cls) if one.compare]
    lines = [
        "if other.__class__ is not self.__class__:",
        "    return NotImplemented",
        f"return {_tuple('self', names)} == {_tuple('other', names)}",
    ]
    return _compiled(cls, "__eq__", "self, other", lines, {})


def _hash(cls: Any) -> Callable[..., int]:
    names = [one.name for one in fields(cls) if (one.compare if one.hash is None else one.hash)]
    return _compiled(cls, "__hash__", "self", [f"return hash({_tuple('self', names)})"], {})


def _tuple(of: str, names: list[str]) -> str:
    return f"({''.join(f'{of}.{name}, ' for name in names)})"


def _compiled(
    cls: Any, name: str, parameters: str, lines: list[str], known: dict[str, Any]
) -> Callable[..., Any]:
    """Compile a method of a class out of its lines, which see the names that are known."""
    body = "\n".join(f"    {line}" for line in lines)
    exec(f"def {name}({parameters}):\n{body}", known)  # noqa: S102 - names of fields alone
    method: Callable[..., Any] = known[name]
    method.__qualname__, method.__module__ = f"{cls.__qualname__}.{name}", cls.__module__
    return method


def _repr(self: Any) -> str:
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({shown})"


def _refuse_setting(_self: object, name: str, _value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(_self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    """Return the fields for a pickle or a copy, which cannot be set one by one."""
    return [getattr(self, one.name) for one in fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


#: The methods that are written for each class, when they are called first.
_WRITTEN = {"__init__": _init, "__eq__": _eq, "__hash__": _hash}
#: The methods that all values share.
_SHARED: dict[str, Any] = {
    "__repr__": _repr,
    "__setattr__": _refuse_setting,
    "__delattr__": _refuse_deleting,
    "__getstate__": _state,
    "__setstate__": _set_state,
    "__signature__": _Signature(),
}
