"""`python -m loadtests.target.provider`: serve the stub until the standard input ends; prints its port."""

import uvloop

from loadtests.target.provider.process import provide

if __name__ == "__main__":
    uvloop.run(provide())
