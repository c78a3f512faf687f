"""PostgreSQL as a driver: `driver` is the place to start."""

from loadtests.drive.drivers.database.driver import DatabaseDriver

__all__ = ["DatabaseDriver"]
