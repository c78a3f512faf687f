"""Locust: many machines that run one plan, and existing locustfiles as scenarios. The only room that imports it.

`import locust` patches the process it happens in (gevent), and gevent and asyncio do not share a process well. So every
process here is one or the other, and they speak by frames: the coordinator (asyncio) ▸ the hub (Locust's master,
`hub`) ▸ a worker (Locust's worker, `worker`) ▸ engine processes (asyncio), and back.
"""
