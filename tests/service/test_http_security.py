"""Who may call the service, and under which host name."""

from collections.abc import Iterator

import httpx
import openai
import pytest
from pydantic import SecretStr

from ml.errors import ServeError
from ml.settings import Settings
from rag_service.http.app import create_app
from rag_service.http.limits.security import is_loopback
from rag_service.http.server import address, serve
from tests.support.service import serving


@pytest.fixture(scope="module")
def locked(indexed: Settings) -> Iterator[str]:
    with serving(indexed.model_copy(update={"api_key": SecretStr("right-key")})) as url:
        yield url


@pytest.mark.parametrize("path", ["/api/repos", "/api/file?repo=shop&path=shop/orders.py", "/v1/models"])
@pytest.mark.parametrize(
    ("authorization", "cause"),
    [(None, "a key is needed"), ("Bearer wrong", "the key is wrong"), ("Basic x", "a key is needed")],
)
def test_code_is_shown_to_key_holders_only(locked: str, path: str, authorization: str | None, cause: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    response = httpx.get(locked + path, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert cause in response.text
    assert httpx.get(locked + path, headers={"Authorization": "Bearer right-key"}).status_code == 200


def test_asking_and_feedback_need_the_key_too(locked: str) -> None:
    bodies = {
        "/api/ask": {"question": "What does place_order do?"},
        "/api/search": {"query": "order"},
        "/api/feedback": {"answer_id": "x", "verdict": "up"},
        "/v1/chat/completions": {"messages": [{"role": "user", "content": "What does place_order do?"}]},
    }
    for path, body in bodies.items():
        assert httpx.post(locked + path, json=body).status_code == 401
        assert httpx.post(locked + path, json=body, headers={"Authorization": "Bearer right-key"}).is_success


def test_page_documentation_and_probes_need_no_key(locked: str) -> None:
    for path in ("/", "/file", "/docs", "/openapi.json", "/assets/style.css", "/healthz", "/readyz", "/metrics"):
        assert httpx.get(locked + path).status_code == 200


def test_the_openai_client_understands_a_401(locked: str) -> None:
    with pytest.raises(openai.AuthenticationError, match="the key is wrong"):
        openai.OpenAI(base_url=f"{locked}/v1", api_key="wrong", max_retries=0).models.list()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost.evil.example"]
)
def test_a_local_service_rejects_foreign_host_names(indexed: Settings, host: str) -> None:
    with serving(indexed) as url:
        response = httpx.get(f"{url}/api/repos", headers={"Host": host})
        assert response.status_code == 403
        assert "localhost" in response.json()["error"]["cause"]


def test_with_a_key_any_host_name_is_accepted(locked: str) -> None:
    headers = {"Host": "code.example", "Authorization": "Bearer right-key"}
    assert httpx.get(f"{locked}/api/repos", headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "app.localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"])
def test_names_of_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.2", "example.com", "localhost.example.com", "", "127.0.0.1.nip.io"]
)
def test_names_of_other_machines(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2"])
def test_other_machines_need_a_key(indexed: Settings, host: str) -> None:
    with pytest.raises(ServeError, match="CODEINTEL_API_KEY"):
        serve(indexed.model_copy(update={"host": host}))


def test_addresses_to_open() -> None:
    assert address("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert address("::", 80) == "http://[::1]:80"
    assert address("::1", 80) == "http://[::1]:80"
    assert address("localhost", 80) == "http://localhost:80"


def test_the_api_documentation_loads_nothing_from_elsewhere(indexed: Settings) -> None:
    paths = {getattr(route, "path", "") for route in create_app(indexed).routes}
    assert not paths & {"/redoc", "/docs/oauth2-redirect"}
