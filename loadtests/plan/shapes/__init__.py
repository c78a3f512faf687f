"""How the operations and settings of each driver are written: pydantic models, one module a driver."""
