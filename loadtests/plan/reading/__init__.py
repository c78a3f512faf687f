"""Reading what a plan asks of each driver: one module a driver, one row each in `drivers`."""
