"""Plans as documents, for the tests of what is wrong with them."""


def scenario(*lines: str, driver: str = "http", load: str = "{rate: 10/s, duration: 1m}") -> str:
    operations = "[{name: x, law: 5ms}]" if driver == "null" else "[{name: x, request: GET /}]"
    given = [f"driver: {driver}", f"load: {load}", *lines]
    if not any(line.startswith("operations:") for line in lines):
        given.append(f"operations: {operations}")
    return "scenarios:\n  a:\n" + "".join(f"    {line}\n" for line in given)


def operation(*lines: str) -> str:
    return scenario("operations:", "  - name: x", *(f"    {line}" for line in lines), "data: {user: {sequence: 1..9}}")
