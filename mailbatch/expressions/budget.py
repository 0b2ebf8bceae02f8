"""The bounds of one rendering, counted before the memory of a value is taken.

A cell may hold anything, and `{{ "-" * width|int }}` makes ten gigabytes of ten digits. So a value
that a template computes has at most `LONGEST` characters, and a text that is joined of pieces (a
macro, a block that is set) at most `LONGEST_TEXT`. All values of a rendering together weigh at most
`MOST`, and a rendering has at most `STEPS` turns of loops, calls and included templates. A mere
reference to a present value costs nothing.

A weight is in characters: a text weighs as many as the text has, an item of a list eight.

Tests: tests/render/test_bounds.py.
"""

from __future__ import annotations

import re
from collections.abc import (
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from functools import lru_cache
from typing import Any

from jinja2.runtime import markup_join, str_join

#: The most characters of a value that a template computes.
LONGEST = 1024 * 1024
#: The most characters that a template, or a part of it that is kept, may give.
LONGEST_TEXT = 10 * LONGEST
#: The most turns of loops, calls and included templates of one rendering.
STEPS = 1_000_000
#: The most characters that one rendering makes in all.
MOST = 32 * LONGEST
#: The most bits of a whole number: more digits than these have, Python does not write.
MOST_BITS = 1 << 14

#: While so much is left, no value is much longer than the names that the rendering sees.
PLENTY = MOST - LONGEST // 16

_STEP = MOST // STEPS
_ITEM = 8
_NUMBER = 400  # no number takes more characters without a precision
_PERCENT = re.compile(r"%(?:\([^()]*\))?[#0\- +]*(\*|\d+)?(?:\.(\*|\d+))?")
_CONTAINERS: tuple[type[Any], ...] = (
    list, tuple, set, frozenset, type({}.keys()), type({}.values()), type({}.items())
)  # fmt: skip
_HOLDING: tuple[type[Any], ...] = (*_CONTAINERS, dict)


class TooMuchError(ValueError):
    """A template would make more than one rendering may."""


def fits(size: int, most: int = LONGEST) -> int:
    """Return a size in characters.

    Raises:
        TooMuchError: The size exceeds `most`.
    """
    if size > most:
        raise TooMuchError(f"makes a value of more than {most} characters")
    return size


def weight(value: Any) -> int:
    """Return the least number of characters of a written value, contained values included.

    Raises:
        TooMuchError: The weight exceeds `LONGEST`.
    """
    if isinstance(value, str):
        return fits(len(value))
    total = 0
    left: list[Any] = [value]
    while left:
        one = left.pop()
        if isinstance(one, str | bytes):
            total += len(one)
        elif isinstance(one, Mapping):
            total += _ITEM * len(one)
            left += [*one.keys(), *one.values()]
        elif isinstance(one, _CONTAINERS):
            total += _ITEM * len(one)
            left += one
        else:
            total += _ITEM
        fits(total)
    return total


def shallow(values: Iterable[Any]) -> int:
    """Return the weight of a container of these values: the texts, and a place for each value."""
    return sum(len(one) if isinstance(one, str | bytes) else _ITEM for one in values)


class Budget:
    """The weight that one rendering has left; `begin` fills the budget up.

    The methods stand for operators and loops in compiled templates. A method that spends more than
    `left` raises `TooMuchError`.
    """

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MOST

    def begin(self) -> None:
        """Begin a rendering."""
        self.left = MOST

    def spend(self, amount: int) -> None:
        """Take a weight.

        Raises:
            TooMuchError: The budget is used up.
        """
        self.left -= amount
        if self.left < 0:
            raise TooMuchError(
                f"takes more than {STEPS} steps, or makes more than {MOST} characters in all"
            )

    def step(self) -> None:
        """Take one step."""
        self.spend(_STEP)

    # Operators

    def added(self, left: Any, right: Any) -> Any:
        """Add two values; of two texts or lists the shorter one counts as new."""
        if isinstance(left, str | bytes) and isinstance(right, str | bytes):
            fits(len(left) + len(right))
            self.spend(min(len(left), len(right)))
        elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
            self.spend(_ITEM * min(len(left), len(right)))
        return left + right

    def multiplied(self, left: Any, right: Any) -> Any:
        """Multiply numbers, or a text or list by a number."""
        if isinstance(left, int) and isinstance(right, int):
            _small(left.bit_length() + right.bit_length())
            return left * right
        for repeated, times in ((left, right), (right, left)):
            if isinstance(repeated, str | bytes | list | tuple) and isinstance(times, int):
                self.spend(fits(weight(repeated) * max(0, times)))
        return left * right

    def raised(self, left: Any, right: Any) -> Any:
        """Raise a number to a power."""
        if isinstance(left, int) and isinstance(right, int):
            _small(left.bit_length() * max(0, right) if abs(left) > 1 else 0)
        return left**right

    def formatted(self, left: Any, right: Any) -> Any:
        """Format by `%`, or return the rest of a division."""
        if isinstance(left, str | bytes):
            form = left if isinstance(left, str) else left.decode("latin-1")
            self.spend(fits(formatted_size(form, right)))
        return left % right

    # Other things that compiled templates do

    def text(self, value: Any) -> str:
        """Turn a value into the text of the output."""
        if type(value) is not int and isinstance(value, _HOLDING):
            self.spend(weight(value))
        return str(value)

    def checked(self, value: Any) -> Any:
        """Count a value that a filter is about to write as text, and return the value."""
        if isinstance(value, _HOLDING):
            self.spend(weight(value))
        return value

    def held(self, made: Any) -> Any:
        """Count a list, tuple or mapping of a template, and return the container."""
        values = [*made.keys(), *made.values()] if isinstance(made, dict) else made
        self.spend(shallow(values))
        return made

    def turns(self, values: Any) -> Any:
        """Count the turns of a loop over values, and return the values."""
        try:
            self.left -= _STEP * len(values)
        except TypeError:  # what is made turn by turn
            return self._counted(iter(values))
        if self.left < 0:
            self.spend(0)
        return values

    def _counted(self, values: Iterator[Any]) -> Iterator[Any]:
        for one in values:
            self.step()
            yield one

    def concat(self, pieces: Iterable[str]) -> str:
        """Join the output of a part that is kept: a macro, or a block that is set."""
        pieces = list(pieces)
        self.spend(fits(sum(map(len, pieces)), LONGEST_TEXT))
        return "".join(pieces)

    def str_join(self, values: Sequence[Any]) -> str:
        """Join by `~`."""
        self._join(values)
        return str_join(values)

    def markup_join(self, values: Sequence[Any]) -> str:
        """Join by `~`, in HTML."""
        self._join(values)
        return markup_join(values)

    def _join(self, values: Sequence[Any]) -> None:
        sizes = [weight(one) for one in values]
        self.spend(fits(sum(sizes)) - max(sizes))


def formatted_size(form: str, values: Any) -> int:
    """Return the largest number of characters that `form % values` may have."""
    single = values if isinstance(values, tuple) else (values,)
    sizes = [weight(one) if not isinstance(one, int | float) else _NUMBER for one in single]
    total = len(form) + sum(sizes)
    if isinstance(values, Mapping):
        largest = max((max(weight(one), _NUMBER) for one in values.values()), default=0)
        total += form.count("%") * largest
    widths, stars = _widths(form)
    if stars:
        total += stars * max((abs(one) for one in single if isinstance(one, int)), default=0)
    return total + widths


@lru_cache(maxsize=256)
def _widths(form: str) -> tuple[int, int]:
    """Return the sum of a form's widths and precisions, and the number of those in arguments."""
    found = [one for pair in _PERCENT.findall(form) for one in pair]
    return sum(number(one) for one in found if one != "*"), found.count("*")


def number(digits: str) -> int:
    """Return the number of the first twelve digits of a width: a longer width is refused anyway."""
    return int(digits[:12] or 0)


def _small(bits: int) -> None:
    if bits > MOST_BITS:
        raise TooMuchError(f"makes a whole number of more than {MOST_BITS} bits")
