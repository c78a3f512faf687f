"""Executions of agents, answered once or as a stream."""

from loadtests.drive.drivers.agent.driver import AgentDriver

__all__ = ["AgentDriver"]
