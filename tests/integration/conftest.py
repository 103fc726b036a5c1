"""Fixtures of the integration tests, one file per concern."""

from tests.integration.fix_database import cluster, database, dsn, empty_dsn, template

__all__ = ["cluster", "database", "dsn", "empty_dsn", "template"]
