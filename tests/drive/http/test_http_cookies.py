"""A jar gives a cookie back where it belongs, as long as it lives, and nowhere else."""

import pytest

from loadtests.drive.drivers.http.cookies import Jar
from loadtests.drive.drivers.http.origin import Origin

S = 1_000_000_000
SHOP = Origin("https", "shop.example.com", 443)


@pytest.mark.parametrize(
    ("line", "url", "sent"),
    [
        pytest.param("a=1", "https://shop.example.com/cart/x", "a=1", id="below the path it came from"),
        pytest.param("a=1", "https://shop.example.com/other", None, id="not beside the path it came from"),
        pytest.param("a=1; Path=/", "https://shop.example.com/other", "a=1", id="everywhere with Path=/"),
        pytest.param("a=1; Path=/ca", "https://shop.example.com/cart", None, id="a path is no prefix of a word"),
        pytest.param("a=1; Path=/", "https://www.shop.example.com/", None, id="host only without Domain"),
        pytest.param("a=1; Path=/; Domain=example.com", "https://www.example.com/", "a=1", id="all below a Domain"),
        pytest.param("a=1; Path=/; Domain=.example.com", "https://example.com/", "a=1", id="a Domain with a dot"),
        pytest.param("a=1; Path=/; Domain=example.com", "https://badexample.com/", None, id="a domain is no suffix"),
        pytest.param("a=1; Path=/; Domain=other.com", "https://other.com/", None, id="not for another domain"),
        pytest.param("a=1; Path=/; Domain=com", "https://other.com/", None, id="not for all of com"),
        pytest.param("a=1; Path=/; Secure", "http://shop.example.com/", None, id="Secure does not go over http"),
        pytest.param("a=1; Path=/; Secure", "https://shop.example.com/", "a=1", id="Secure goes over https"),
        pytest.param("a=1; Path=/; Max-Age=10", "https://shop.example.com/", "a=1", id="alive"),
        pytest.param("a=1; Path=/; Max-Age=4", "https://shop.example.com/", None, id="too old"),
        pytest.param("a=1; Path=/; Max-Age=0", "https://shop.example.com/", None, id="deleted"),
        pytest.param(
            "a=1; Path=/; Expires=Wed, 21 Oct 2015 07:28:00 GMT", "https://shop.example.com/", None, id="expired"
        ),
        pytest.param(
            "a=1; Path=/; Expires=Wed, 21-Oct-2105 07:28:00 GMT", "https://shop.example.com/", "a=1", id="not expired"
        ),
        pytest.param("a=1; Path=/; Expires=soon", "https://shop.example.com/", "a=1", id="an Expires nobody can read"),
        pytest.param(
            'a="x y"; Path=/; HttpOnly; SameSite=Lax', "https://shop.example.com/", 'a="x y"', id="as it came"
        ),
        pytest.param("nothing", "https://shop.example.com/cart/x", None, id="malformed"),
    ],
)
def test_where_a_cookie_goes(line: str, url: str, sent: str | None) -> None:
    """Set by https://shop.example.com/cart/add at second 0, asked for five seconds later."""
    jar = Jar()
    jar.keep([line], SHOP, "/cart/add?x=y/z", 0)
    origin, target = Origin.of(url), "/" + url.split("/", 3)[3]
    assert jar.header(origin, target, 5 * S) == sent


def test_a_cookie_replaces_its_namesake_and_longer_paths_come_first() -> None:
    """Same name, domain and path: the newer one. The order is RFC 6265's."""
    jar = Jar()
    jar.keep(["a=1; Path=/", "a=2; Path=/", "b=3; Path=/cart", "a=4; Path=/cart/deep"], SHOP, "/", 0)
    assert len(jar) == 3
    assert jar.header(SHOP, "/cart/deep/x", 0) == "a=4; b=3; a=2"
    jar.keep(["a=; Path=/; Max-Age=0"], SHOP, "/", 0)
    assert jar.header(SHOP, "/", 0) is None
