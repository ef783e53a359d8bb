"""A plain client of the sandbox, which knows how each vendor wants to be asked."""

from typing import Any

import requests

from tap_usage.sandbox import Sandbox

CREDENTIALS = ("client_id", "client_secret")


class Client:
    """Asks the vendors of a sandbox, with a token of each."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.trust_env = False
        self._headers: dict[str, dict[str, str]] = {}

    def login(self, vendor: str) -> requests.Response:
        user, password = (self.sandbox.config[f"{vendor}_{part}"] for part in CREDENTIALS)
        grant = {"grant_type": "client_credentials"}
        if vendor == "pingone":
            path = f"/{self.sandbox.config['pingone_environment_id']}/as/token"
            return self.send("POST", "pingone auth", path, data=grant, auth=(user, password))
        if vendor == "genesys":
            return self.send("POST", "genesys login", "/oauth/token", data=grant, auth=(user, password))
        if vendor == "demandbase":
            form = {"clientId": user, "clientSecret": password, "grantType": "cred"}
            return self.send("POST", "demandbase login", "/Auth/login/v1/token.json", data=form)
        form = grant | {"client_id": user, "client_secret": password}
        return self.send("POST", "elasticpath", "/oauth/access_token", data=form)

    def headers(self, vendor: str) -> dict[str, str]:
        if vendor not in self._headers:
            body = self.login(vendor).json()
            if vendor == "demandbase":
                token = body["accessTokenDetails"]["accessToken"]
                self._headers[vendor] = {"accessToken": token, "Accept": "application/json"}
            else:
                self._headers[vendor] = {"Authorization": f"Bearer {body['access_token']}"}
        return self._headers[vendor]

    def get(self, vendor: str, path: str, query: dict[str, Any] | None = None, **options: Any) -> requests.Response:  # noqa: ANN401  whatever requests takes
        return self.ask("GET", vendor, path, params=query, **options)

    def post(self, vendor: str, path: str, body: object) -> requests.Response:
        return self.ask("POST", vendor, path, json=body)

    def ask(self, method: str, vendor: str, path: str, **options: Any) -> requests.Response:  # noqa: ANN401  whatever requests takes
        origin = vendor if vendor == "elasticpath" else f"{vendor} api"
        options.setdefault("headers", self.headers(vendor))
        return self.send(method, origin, path, **options)

    def send(self, method: str, origin: str, path: str, **options: Any) -> requests.Response:  # noqa: ANN401  whatever requests takes
        options.setdefault("timeout", 10)
        return self.session.request(method, self.sandbox.url(origin) + path, **options)

    def expire(self) -> None:
        """Forget the tokens, so that the next request logs in again."""
        self._headers.clear()

    def control(self, method: str, name: str, body: object = None) -> requests.Response:
        return self.send(method, "pingone api", f"/__sandbox__/{name}", json=body)

    def finished(self, submitted: requests.Response) -> dict[str, Any]:
        """Poll an execution of Genesys until it is not running any more."""
        path = submitted.json()["resultsUri"]
        while (body := self.get("genesys", path).json())["queryStatus"] == "Running":
            pass
        return dict(body)


def usages(client: Client, query: dict[str, Any] | None = None, name: str = "Free shipping") -> requests.Response:
    found = next(row["id"] for row in client.sandbox.elasticpath.promotions if row["name"] == name)
    return client.get("elasticpath", f"/v2/rule-promotions/{found}/usages", {"sort": "used_on"} | (query or {}))
