"""HTTP/1.1 as a driver, and what journeys written in Python are given: see `journey`."""

from loadtests.drive.drivers.http.answer import Answer
from loadtests.drive.drivers.http.driver import HttpDriver
from loadtests.drive.drivers.http.journey import StepFailed, User
from loadtests.plan.protocol.http import Check

__all__ = ["Answer", "Check", "HttpDriver", "StepFailed", "User"]
