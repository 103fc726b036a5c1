"""What to do about a connection that failed is told from libpq's text."""

import pytest

from storage.connection import advice


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('FATAL:  database "city" does not exist', "CREATE DATABASE"),
        ('FATAL:  role "anna" does not exist', "CREATE ROLE"),
        ("FATAL:  the database system is starting up", "it is starting: wait"),
        ("FATAL:  the database system is not yet accepting connections", "it is starting: wait"),
        ("FATAL:  the database system is shutting down", "it is shutting down"),
        ('FATAL:  password authentication failed for user "anna"', "the password is wrong"),
        ("something that nobody has seen before", "see its log"),
    ],
)
def test_each_failure_has_its_advice(text: str, says: str) -> None:
    """A database that starts is waited for, and not taken for one that does not exist."""
    assert says in advice(text)
