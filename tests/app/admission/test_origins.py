"""The rule of origins and hosts: own pages and programs pass, other sites and names do not."""

import pytest

from app.admission.origins import Origins

HERE = {"host": "127.0.0.1:7860"}
PROXY = ("https://example.org",)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://127.0.0.1:7860"},
        {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_programs_and_own_pages_are_let_in(headers: dict[str, str], method: str) -> None:
    assert Origins(local=True).refusal({**HERE, **headers}, method) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://example.org"},
        {"origin": "http://127.0.0.1:8000"},
        {"origin": "http://127.0.0.1.example.org:7860"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("local", [True, False])
def test_another_site_is_refused_by_any_method(
    headers: dict[str, str], method: str, local: bool
) -> None:
    refused = Origins(local).refusal({**HERE, **headers}, method)
    assert refused is not None
    assert refused.status == 403


def test_a_link_from_another_site_leads_here_and_a_form_does_not() -> None:
    link = {**HERE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert Origins(local=True).refusal(link, "GET") is None
    assert Origins(local=True).refusal(link, "POST") is not None


@pytest.mark.parametrize("host", ["example.org", "example.org:7860", "127.0.0.1.example.org", ""])
def test_a_foreign_name_for_this_machine_opens_nothing(host: str) -> None:
    """A name that was bound anew: the origin is the page's own, by a name that is not ours."""
    refused = Origins(local=True).refusal({"host": host, "origin": f"http://{host}"}, "GET")
    assert refused is not None
    assert refused.status == 421
    assert "--origin" in refused.sentence


@pytest.mark.parametrize("host", ["localhost:7860", "[::1]:7860", "LOCALHOST"])
def test_any_name_of_this_machine_is_its_own(host: str) -> None:
    assert Origins(local=True).refusal({"host": host, "origin": f"http://{host}"}, "POST") is None


def test_a_proxy_that_was_named_is_let_in() -> None:
    origins = Origins(local=True, others=PROXY)
    assert origins.refusal({"host": "example.org", "origin": PROXY[0]}, "POST") is None
    assert origins.refusal({**HERE, "origin": PROXY[0]}, "POST") is None
    assert origins.refusal({"host": "example.com"}) is not None


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ({"x-forwarded-for": "10.0.0.7"}, "1.1"),
        ({"via": "1.1 somewhere"}, "1.1"),
        ({"origin": "https://example.org"}, "1.1"),
        ({"referer": "https://example.org/"}, "1.1"),
        ({"host": "example.org"}, "1.1"),
        ({}, "1.0"),
    ],
)
def test_one_request_from_elsewhere_is_remembered(headers: dict[str, str], version: str) -> None:
    origins = Origins(local=True)
    origins.refusal({**HERE, "origin": "http://localhost:7860"}, "POST")
    assert not origins.exposed
    origins.refusal({**HERE, **headers}, "GET", version)
    origins.refusal(HERE)
    assert origins.exposed
