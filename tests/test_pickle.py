"""Everything that crosses a process boundary pickles."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import pickle
import types
import typing
from collections.abc import Mapping
from typing import Any

import pytest
from trees import graph, records

from pipeline import errors, outcome, plan, ports
from pipeline.errors import InputError, Problem, StackbuildError
from pipeline.plan import Known, Request


def of_type(kind: Any) -> Any:
    """Some value of a type, as small as can be but nowhere empty."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        return of_type(inner[0])
    if origin is tuple:
        return (of_type(inner[0]),) if inner[1:] == (...,) else tuple(map(of_type, inner))
    if origin is frozenset:
        return frozenset({of_type(inner[0])})
    if origin is Mapping:
        return {of_type(inner[0]): of_type(inner[1])}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return next(iter(kind))
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        return kind(**{field.name: of_type(hints[field.name]) for field in dataclasses.fields(kind)})
    return {str: "é\udcff", int: 7, float: 1.5, bool: True, bytes: b"\xff"}[kind]


VALUES = [
    thing
    for module in (ports, outcome, plan)
    for thing in vars(module).values()
    if inspect.isclass(thing) and thing.__module__ == module.__name__ and thing is not ports.Remote
]
RECORDS = [kind for kind in VALUES if not issubclass(kind, enum.Enum)]
ERRORS = [
    thing for thing in vars(errors).values() if inspect.isclass(thing) and issubclass(thing, StackbuildError)
]


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_every_record_that_crosses_a_boundary_comes_back_as_it_was(kind: type) -> None:
    value = of_type(kind)
    assert pickle.loads(pickle.dumps(value)) == value


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_every_record_that_crosses_a_boundary_is_frozen_and_slotted(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert "__slots__" in vars(kind)
    value = of_type(kind)
    first = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, first, getattr(value, first))


def test_the_steps_of_a_plan_come_back_with_their_keys_and_reasons() -> None:
    of = graph("base > scipy")
    steps = plan.make(of, records(of), Known(), Request())
    again = pickle.loads(pickle.dumps(steps))
    assert again == steps
    assert [step.record.key for step in again] == [step.key for step in steps]
    assert [str(reason) for step in again for reason in step.reasons] == ["never built", "never built"]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_errors_come_back_with_their_problems(kind: type[StackbuildError]) -> None:
    error = kind(Problem("wrong", "x:1", "try"), Problem("worse"))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert again.problems == error.problems
    assert str(again) == "x:1: wrong\n  hint: try\nworse"


def test_an_error_of_one_problem_reads_like_it() -> None:
    assert str(InputError.of("wrong", "x:1", "try")) == "x:1: wrong\n  hint: try"
    assert str(InputError.of("wrong")) == "wrong"
