"""Errors that end something, told as what they are."""

from model.errors import UnavailableError, the_problem


def test_a_group_of_tasks_that_ended_with_one_of_ours_is_that() -> None:
    """However deep it is; a bug beside it is not hidden behind it."""
    ours = UnavailableError("away")

    assert the_problem(ExceptionGroup("tasks", [ExceptionGroup("inner", [ours])])) is ours
    assert the_problem(ExceptionGroup("tasks", [ours, ValueError("a bug")])) is None
    assert the_problem(ExceptionGroup("tasks", [ValueError("a bug")])) is None
