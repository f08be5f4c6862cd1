"""Where NATS is: the configured URL and its secrets, taken apart once.

Belongs here: what may be shown of it, and what the client is given. Does not: connecting.
"""

import re
import ssl
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from model_foundry.errors import FoundryError
from model_foundry.masking import mask_of
from model_foundry.settings import Settings
from model_foundry.settings.files import PREFIX, require_file

VARIABLE: Final = f"{PREFIX}NATS_URL"
_PORTS: Final = {"nats": 4222, "tls": 4222, "ws": 80, "wss": 443}


class Address(NamedTuple):
    """Where NATS is, and as whom it is asked.

    Attributes:
        servers: URLs without credentials.
        user, password, token: of all servers.
        tls: how they are verified, and the client's certificate; None: as the system does, where a
            server wants TLS.
        must_be_encrypted: credentials are never sent in clear.
        where: `host:port`, with commas between several; it may be shown.
        mask: takes secrets out of a text.
    """

    servers: list[str]
    user: str | None
    password: str | None
    token: str | None
    tls: ssl.SSLContext | None
    must_be_encrypted: bool
    where: str
    mask: Callable[[str], str]

    def refused(self, reasons: Sequence[str]) -> FoundryError:
        """The error in words, without a secret."""
        said = self.mask("; ".join(" ".join(reason.split()) for reason in reasons))
        check = f"{VARIABLE} and {PREFIX}NATS_CREDS"
        if "CERTIFICATE_VERIFY_FAILED" in said:
            check += f", {PREFIX}NATS_CA (who signed the server's certificate)"
        elif "certificate" in said or "TLS" in said or "SSL" in said:
            check += f", {PREFIX}NATS_CA, {PREFIX}NATS_CERT"
        return FoundryError(
            f"NATS at {self.where} cannot be reached: {said}. Check {check}, and that the server "
            "runs."
        )


def address_of(settings: Settings) -> Address:
    """The address of the configured NATS: one URL, or several with commas between them.

    Raises:
        FoundryError: it cannot be read, and the text shows nothing of it; or a file of a
            certificate cannot be used.
    """
    servers = [_parsed(each.strip()) for each in settings.require_nats_url().split(",")]
    users = {server.netloc.rpartition("@")[0] for server in servers}
    # One that stands at a later server only may be what follows a comma in a password.
    is_of_one = len(users - {""}) <= 1 and (users == {""} or "@" in servers[0].netloc)
    are_websockets = {server.scheme in {"ws", "wss"} for server in servers}
    if not is_of_one or len(are_websockets) > 1:
        raise _unreadable()
    user, colon, password = servers[0].netloc.rpartition("@")[0].partition(":")
    tls = _context(settings) if settings.nats_ca or settings.nats_cert else None
    return Address(
        servers=[f"{server.scheme}://{_host(server)}{server.path}" for server in servers],
        user=unquote(user) if colon else None,
        password=unquote(password) if colon else None,
        token=unquote(user) if user and not colon else None,
        tls=tls,
        must_be_encrypted=tls is not None or all(s.scheme in {"tls", "wss"} for s in servers),
        where=",".join(map(_host, servers)),
        mask=mask_of(password, unquote(password), *([] if colon else [user, unquote(user)])),
    )


def _parsed(server: str) -> SplitResult:
    try:
        parts = urlsplit(server if "://" in server else f"nats://{server}")
        fits = parts.scheme in _PORTS and parts.hostname and parts.port != 0
    except ValueError:
        raise _unreadable() from None
    has_path = parts.path.strip("/") and parts.scheme not in {"ws", "wss"}
    if not fits or has_path or re.search(r"[\s\x00-\x20?#]", server):
        raise _unreadable()
    return parts


def _unreadable() -> FoundryError:
    """A library's own reason quotes what it could not read, which may be the password."""
    return FoundryError(
        f"{VARIABLE} cannot be read: it is no URL such as nats://user:password@host:4222, where "
        "@ : / ? # % , of a password are percent-encoded, nor several with commas between them, "
        "of one user"
    )


def _host(server: SplitResult) -> str:
    name = str(server.hostname)
    return f"{f'[{name}]' if ':' in name else name}:{server.port or _PORTS[server.scheme]}"


def _context(settings: Settings) -> ssl.SSLContext:
    """How servers are verified, and the client's certificate."""
    try:
        context = ssl.create_default_context(cafile=require_file("NATS_CA", settings.nats_ca))
    except (ssl.SSLError, OSError):
        raise FoundryError(f"{PREFIX}NATS_CA holds no certificate in PEM") from None
    certificate = require_file("NATS_CERT", settings.nats_cert)
    if certificate is not None:
        key = require_file("NATS_KEY", settings.nats_key)
        try:
            # Without a function OpenSSL would ask the terminal.
            context.load_cert_chain(certificate, key, password=lambda: "")
        except (ssl.SSLError, OSError, ValueError):
            raise FoundryError(
                f"{PREFIX}NATS_CERT and {PREFIX}NATS_KEY are no certificate and its key, both in "
                "PEM, the key not encrypted"
            ) from None
    return context
