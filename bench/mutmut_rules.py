"""mutmut, with changes that take a rule out and without changes of wording.

usage: python bench/mutmut_rules.py WHAT-MUTMUT-TAKES...
"""

from collections.abc import Iterator

import libcst as cst
from mutmut.__main__ import cli
from mutmut.mutation.mutators import mutation_operators, operator_string


def left_out(node: cst.Expr) -> Iterator[cst.Pass]:
    """A statement that is there for what it does."""
    if not isinstance(node.value, cst.BaseString):  # a docstring
        yield cst.Pass()


def always_and_never(node: cst.If) -> Iterator[cst.If]:
    """A condition that asks nothing."""
    for word in ("True", "False"):
        yield node.with_changes(test=cst.Name(word))


if __name__ == "__main__":
    mutation_operators[:] = [  # type: ignore[index]  # a list, that is promised as a sequence
        *(each for each in mutation_operators if each[1] is not operator_string),
        (cst.Expr, left_out),
        (cst.If, always_and_never),
    ]
    cli()
