"""Secrets for tests, planted in files where they occur in real life.

A seeded generator creates them from their forms, so that this repository contains none and no scanner that
looks at it has anything to report.
"""

import base64
import json
import random
import string
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
URL_SAFE = LETTERS + "-_"
BASE64 = LETTERS + "+/"
UPPER = string.ascii_uppercase + string.digits


@dataclass(frozen=True, slots=True)
class PlantedSecret:
    """A secret `value` and the file that contains it. Every line of a multi-line value is secret."""

    kind: str
    value: str
    path: str
    content: str

    @property
    def parts(self) -> list[str]:
        """The strings that must not occur where the secret must not be."""
        return [line for line in self.value.split("\n") if len(line) >= 8] or [self.value]


class _Maker:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self, alphabet: str, length: int) -> str:
        """Return random characters, at least one letter and one digit among them."""
        while True:
            made = "".join(self._random.choices(alphabet, k=length))
            if any(map(str.isdigit, made)) and any(map(str.isalpha, made)):
                return made

    def password(self) -> str:
        """Return a password as people choose them: letters, digits, punctuation."""
        return self.text(LETTERS, 8) + self._random.choice("!#*+?=^~")

    def base64(self, size: int) -> str:
        """Return the Base64 of that many random bytes."""
        return base64.b64encode(self._random.randbytes(size)).decode()

    def block(self, label: str, size: int = 400) -> str:
        """Return a PEM block."""
        body = "\n".join(textwrap.wrap(self.base64(size), 64))
        return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----"

    def jwt(self) -> str:
        """Return a token of JWT's form."""
        claims = ({"alg": "HS256", "typ": "JWT"}, {"sub": self.text(HEX, 12), "exp": 1900000000})
        head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in claims)
        return f"{head}.{body}.{self.text(URL_SAFE, 43)}"


def planted_secrets(seed: int = 20) -> list[PlantedSecret]:
    """Return the secrets, each in a file of its own; the same for the same seed."""
    maker = _Maker(seed)
    return [*_of_services(maker), *_in_code(maker), *_in_addresses(maker), *_in_settings(maker), *_keys(maker)]


def _of_services(m: _Maker) -> Iterator[PlantedSecret]:
    """Yield tokens known by their form, in code that does not name them."""
    forms = (
        ("aws-access-key", "AKIA" + m.text(UPPER, 16), "deploy/upload.py", 'client = boto3.client("s3", "{}")'),
        ("aws-access-key", "ASIA" + m.text(UPPER, 16), "cmd/sync/main.go", 'creds := credentials.NewStatic("{}")'),
        ("github-token", "ghp_" + m.text(LETTERS, 36), "scripts/release.sh", 'gh_login "{}" && make release'),
        ("github-token", "github_pat_" + m.text(LETTERS, 82), "src/octokit.ts", "const kit = connect('{}');"),
        ("github-token", "ghs_" + m.text(LETTERS, 36), "lib/bot.rb", "client = Octokit.new('{}')"),
        ("gitlab-token", "glpat-" + m.text(URL_SAFE, 20), "ci/mirror.py", 'mirror("group/project", "{}")'),
        (
            "slack-token",
            f"xoxb-{m.text(string.digits + 'a', 12)}-{m.text(LETTERS, 24)}",
            "app/notify.rb",
            'Notifier.new("{}")',
        ),
        (
            "slack-webhook",
            f"hooks.slack.com/services/T{m.text(UPPER, 8)}/B{m.text(UPPER, 8)}/{m.text(LETTERS, 24)}",
            "src/alerts.js",
            "post('https://{}', message);",
        ),
        (
            "discord-token",
            f"MTE{m.text(LETTERS, 21)}.G{m.text(LETTERS, 5)}.{m.text(URL_SAFE, 38)}",
            "bot.py",
            "run('{}')",
        ),
        (
            "telegram-token",
            f"{m.text(string.digits + 'a', 9).replace('a', '7')}:AA{m.text(URL_SAFE, 33)}",
            "src/Bot.java",
            'Bot bot = new Bot("{}");',
        ),
        ("stripe-key", "sk_live_" + m.text(LETTERS, 24), "app/Billing.php", "$stripe = new StripeClient('{}');"),
        ("stripe-key", "rk_live_" + m.text(LETTERS, 24), "src/pay.rs", 'let pay = Pay::new("{}");'),
        ("twilio-key", "SK" + m.text(HEX, 32), "sms/send.go", 'client := twilio.NewClient("{}")'),
        (
            "sendgrid-key",
            f"SG.{m.text(URL_SAFE, 22)}.{m.text(URL_SAFE, 43)}",
            "src/Mailer.kt",
            'val mail = Mailer("{}")',
        ),
        ("mailgun-key", "key-" + m.text(HEX, 32), "mailer.ex", 'Mailgun.start("{}")'),
        ("mailchimp-key", m.text(HEX, 32) + "-us14", "newsletter.php", "$chimp = new Chimp('{}');"),
        ("openai-key", "sk-proj-" + m.text(LETTERS, 48), "ask.py", 'llm = connect("{}")'),
        ("anthropic-key", "sk-ant-api03-" + m.text(URL_SAFE, 93), "src/llm.ts", 'const llm = connect("{}");'),
        ("huggingface-token", "hf_" + m.text(LETTERS, 34), "train.py", 'login("{}")'),
        ("npm-token", "npm_" + m.text(LETTERS, 36), "publish.mjs", "publish('{}');"),
        ("pypi-token", "pypi-AgEIcHlwaS5vcmc" + m.text(URL_SAFE, 80), "tasks/publish.py", 'upload("{}")'),
        ("digitalocean-token", "dop_v1_" + m.text(HEX, 64), "infra/droplets.go", 'client := godo.NewFromToken("{}")'),
        ("vault-token", "hvs." + m.text(URL_SAFE, 90), "ops/unseal.rb", 'Vault.connect("{}")'),
        ("pulumi-token", "pul-" + m.text(HEX, 40), "infra/up.ts", 'login("{}");'),
        ("terraform-token", f"{m.text(LETTERS, 14)}.atlasv1.{m.text(URL_SAFE, 67)}", "infra/cloud.py", 'login("{}")'),
        ("databricks-token", "dapi" + m.text(HEX, 32), "jobs/etl.scala", 'val client = connect("{}")'),
        (
            "google-api-key",
            "AIza" + m.text(URL_SAFE, 35),
            "web/map.html",
            '<script src="https://maps.test/js?k={}"></script>',
        ),
        ("jwt", m.jwt(), "test/api.http", "GET /me HTTP/1.1\nX-Forwarded-User: {}"),
        ("password-hash", "$2b$12$" + m.text(LETTERS, 53), "db/seed.sql", "INSERT INTO users VALUES (1, 'ann', '{}');"),
    )
    for kind, value, path, line in forms:
        yield PlantedSecret(kind, value, path, line.replace("{}", value) + "\n")


def _in_code(m: _Maker) -> Iterator[PlantedSecret]:
    """Yield values known only by the variable they are assigned to, in many languages."""
    lines = (
        ("password", "db/connect.py", 'connection = connect(host="db", user="shop", password="{}")'),
        ("password", "src/Login.java", 'private static final String DB_PASSWORD = "{}";'),
        ("password", "config/database.php", "define('DB_PASSWORD', '{}');"),
        ("password", "lib/repo.ex", 'config :shop, Shop.Repo, username: "shop", password: "{}"'),
        ("password", "Program.cs", 'var link = "Server=db;Database=shop;User Id=sa;Password={};Encrypt=true";'),
        ("password", "migrate.sql", "CREATE USER shop WITH PASSWORD '{}';"),
        ("password", "scripts/backup.sh", "mysqldump --password={} shop > shop.sql"),
        ("password", "settings.xml", "<server><id>nexus</id><password>{}</password></server>"),
        ("password", "src/main/resources/application.properties", "spring.datasource.password={}"),
        ("secret", "client/auth.swift", 'let clientSecret = "{}"'),
        ("secret", "app.rb", "set :session_secret, '{}'"),
        ("token", "src/api.ts", "const headers = { accessToken: '{}' };"),
        ("token", "charts/values.yaml", "telemetry:\n  authToken: {}"),
        ("key", "settings.py", 'SECRET_KEY = "{}"'),
        ("key", "weather.lua", 'local api_key = "{}"'),
        ("key", "config.json", '{"region": "eu", "aws_secret_access_key": "{}"}'),
        ("key", "main.cpp", 'const std::string kApiKey = "{}";'),
        ("key", "variables.tf", 'provider "cloud" {\n  secret_key = "{}"\n}'),
        ("key", "k8s/deployment.yaml", "env:\n  - name: STORAGE_ACCOUNT_KEY\n    value: {}"),
    )
    for kind, path, line in lines:
        value = m.password() + m.text(HEX, 3) if kind in ("password", "secret") else m.text(LETTERS, 40)
        yield PlantedSecret(kind, value, path, line.replace("{}", value) + "\n")


def _in_addresses(m: _Maker) -> Iterator[PlantedSecret]:
    """Yield credentials in URLs and HTTP headers."""
    lines = (
        (
            "url-password",
            m.password(),
            "app/db.py",
            'engine = create_engine("postgresql://shop:{}@db.internal:5432/shop")',
        ),
        ("url-password", m.password(), "queue.go", 'dial("amqp://worker:{}@rabbit.internal/")'),
        ("url-password", m.password(), "cache.js", "createClient({ url: 'redis://:{}@cache.internal:6379' })"),
        ("url-token", m.text(LETTERS, 32), "fetch.sh", "git clone https://{}@git.internal/shop.git"),
        (
            "http-authorization",
            m.text(LETTERS, 32),
            "curl.md",
            "    curl -H 'Authorization: Bearer {}' https://api.internal",
        ),
        ("http-authorization", m.base64(18), "client.rs", 'request.header("Authorization", "Basic {}")'),
        ("key", m.base64(64), "Storage.cs", 'var link = "AccountName=shop;AccountKey={};EndpointSuffix=core.test";'),
        (
            "azure-sas",
            "sig=" + m.text(LETTERS, 43) + "%3D",
            "Blob.cs",
            'var blob = new Uri("https://a.blob.test/c?sv=2024&{}");',
        ),
    )
    for kind, value, path, line in lines:
        yield PlantedSecret(kind, value, path, line.replace("{}", value) + "\n")


def _in_settings(m: _Maker) -> Iterator[PlantedSecret]:
    """Yield files whose format tells what is secret."""
    lines = (
        ("env-value", m.text(LETTERS, 12), ".env", "# local\nexport SHOP_DSN={}\nEMPTY=\n"),
        ("env-value", "a b " + m.text(LETTERS, 8), "deploy/.env.production", 'GREETING="{}" # with blanks\n'),
        (
            "kubernetes-secret",
            m.base64(12),
            "k8s/secret.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: shop\ndata:\n  dsn: {}\ntype: Opaque\n",
        ),
        (
            "kubernetes-secret",
            m.text(LETTERS, 12),
            "k8s/list.yaml",
            "kind: List\nitems:\n  - kind: Secret\n    stringData:\n      file.ini: |\n        [db]\n        {}\n",
        ),
        ("kubernetes-secret", m.base64(9), "k8s/secret.json", '{"kind": "Secret", "data": {"dsn": "{}"}}\n'),
        ("kubeconfig", m.base64(90), "deploy/kube.yaml", "users:\n- name: admin\n  user:\n    client-key-data: {}\n"),
        ("netrc-password", m.text(LETTERS, 10), ".netrc", "machine git.internal login ann password {}\n"),
        ("pgpass-password", m.text(LETTERS, 10), ".pgpass", "db.internal:5432:shop:ann:{}\n"),
        ("npm-token", m.text(LETTERS, 30), ".npmrc", "//registry.internal/:_authToken={}\n"),
        ("docker-auth", m.base64(15), "docker/config.json", '{"auths": {"registry.internal": {"auth": "{}"}}}\n'),
        ("password-hash", "$apr1$" + m.text(LETTERS, 8) + "$" + m.text(LETTERS, 22), "web/.htpasswd", "ann:{}\n"),
        ("gcp-key", m.text(HEX, 40), "deploy/robot.json", '{"type": "service_account", "private_key_id": "{}"}\n'),
    )
    for kind, value, path, content in lines:
        yield PlantedSecret(kind, value, path, content.replace("{}", value))


def _keys(m: _Maker) -> Iterator[PlantedSecret]:
    """Yield multi-line private keys, bare and within other formats."""
    rsa, openssh, plain, group = (m.block(f"{kind}PRIVATE KEY") for kind in ("RSA ", "OPENSSH ", "", "EC "))
    pgp = m.block("PGP PRIVATE KEY BLOCK")
    yield _key(rsa, "certs/server.key", rsa + "\n")
    yield _key(openssh, "home/id_ed25519", openssh + "\n")
    yield _key(group, "k8s/issuer.yaml", "spec:\n  tls: |\n" + textwrap.indent(group, "    ") + "\n  port: 443\n")
    yield _key(plain, "test/keys.go", f"package keys\n\nconst signing = `{plain}`\n")
    yield _key(pgp, "docs/signing.md", f"# Signing\n\n```\n{pgp}\n```\n")
    one_line = json.dumps({"client_email": "robot@shop.test", "private_key": m.block("PRIVATE KEY") + "\n"})
    yield _key(one_line.split("KEY-----\\n")[1].split("\\n-----END")[0], "gcp.json", one_line + "\n")
    joined = m.block("RSA PRIVATE KEY")
    literal = " +\n".join(f'        "{line}\\n"' for line in joined.split("\n"))
    yield _key(joined, "src/Keys.java", f"class Keys {{\n    String pem =\n{literal};\n}}\n")


def _key(value: str, path: str, content: str) -> PlantedSecret:
    return PlantedSecret(
        "private-key", "\n".join(line for line in value.split("\n") if "-----" not in line), path, content
    )
