"""Digest authentication of SIP requests (摘要认证; RFC 2617, MD5, qop=auth). Knows accounts, not sockets."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sipmessage import AuthChallenge, AuthCredentials, AuthParameters, Request, Response
from support.siptransport import HostPort, SipEndpoint


@dataclass(frozen=True, slots=True)
class Account:
    """Who a phone is, and the server it talks to."""

    name: str
    password: str | None
    server: HostPort


def authorize(request: Request, response: Response, account: Account) -> None:
    """Add the credentials that a 401 or 407 response asks for.

    Raises ValueError when the server offers no MD5 challenge.
    """
    is_proxy = response.code == 407
    challenge = _md5_challenge(response, "Proxy-Authenticate" if is_proxy else "WWW-Authenticate")
    credentials = _credentials(request, challenge, account)
    request.headers.set("Proxy-Authorization" if is_proxy else "Authorization", str(credentials))


async def send_authorized(
    endpoint: SipEndpoint,
    account: Account,
    build: Callable[[], Request],
    to: HostPort,
    on_provisional: Callable[[Response], None] | None = None,
) -> Response:
    """Send what `build` makes (fresh branch and CSeq each time); answer up to two challenges."""
    challenge: Response | None = None
    while True:
        request = build()
        if challenge is not None:
            authorize(request, challenge, account)
        response = await endpoint.request(request, to, on_provisional)
        asked_before = challenge is not None
        if (
            response.code not in (401, 407)
            or account.password is None
            or (asked_before and not _is_stale(response))
        ):
            return response
        challenge = response


def _is_stale(response: Response) -> bool:
    values = response.headers.getlist("WWW-Authenticate") + response.headers.getlist("Proxy-Authenticate")
    return any("stale=true" in value.lower() for value in values)


def _md5_challenge(response: Response, header: str) -> AuthChallenge:
    for value in response.headers.getlist(header):
        challenge = AuthChallenge.parse(value)
        if challenge.parameters.get("algorithm", "MD5").upper() == "MD5":
            return challenge
    raise ValueError("no MD5 challenge offered")


def _credentials(request: Request, challenge: AuthChallenge, account: Account) -> AuthCredentials:
    asked = challenge.parameters
    realm, nonce, uri = asked["realm"], asked["nonce"], str(request.uri)
    secret = _md5(f"{account.name}:{realm}:{account.password}")
    action = _md5(f"{request.method}:{uri}")
    fields = {"username": account.name, "realm": realm, "nonce": nonce, "uri": uri, "algorithm": "MD5"}
    if "qop" in asked:
        cnonce, count = secrets.token_hex(8), "00000001"
        fields |= {"qop": "auth", "cnonce": cnonce, "nc": count}
        fields["response"] = _md5(f"{secret}:{nonce}:{count}:{cnonce}:auth:{action}")
    else:
        fields["response"] = _md5(f"{secret}:{nonce}:{action}")
    if "opaque" in asked:
        fields["opaque"] = asked["opaque"]
    return AuthCredentials("Digest", AuthParameters(**fields))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
