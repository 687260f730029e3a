"""Who may ask, where more than this machine can: tokens, and the options that decide whether one is needed."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from socketscope.addresses import is_loopback

SCHEME: Final = "Bearer"
HOW_TO_MAKE_ONE: Final = "make one with `openssl rand -hex 32`"
SHORTEST: Final = 16
"""Characters of a token."""


def _from_file(value: Any, info: ValidationInfo) -> Any:
    file = info.data.get("token_file")
    if file is None:
        return value
    if value is not None:
        raise ValueError("either `token` or `token_file`, not both")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the token in the file {file}, which can't be read ({error})") from error


TokenOrFile = Annotated[SecretStr | None, BeforeValidator(_from_file)]
"""A token, or that in the file that the field `token_file` before it names; its default has to be validated."""


class Listening(BaseModel):
    """An address to listen on, and the token that callers have to show there.

    An address that other machines can reach is refused without a token; one that is set is demanded on every address.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    host: str = "127.0.0.1"
    token_file: Path | None = None
    """A file with the token and nothing else, in place of `token`."""
    token: TokenOrFile = Field(default=None, validate_default=True)
    """The token that callers show (`Authorization: Bearer ...`); needed for an address that is not loopback."""

    @field_validator("token")
    @classmethod
    def _is_one(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            characters = value.get_secret_value()
            if len(characters) < SHORTEST or not all("!" <= character <= "~" for character in characters):
                raise ValueError(f"{SHORTEST} or more visible ASCII characters without spaces: {HOW_TO_MAKE_ONE}")
        return value

    @field_validator("token")
    @classmethod
    def _is_given_where_needed(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        host = info.data.get("host")
        if value is None and host is not None and not is_loopback(host):
            raise ValueError(f"a token, as other machines reach {host}: {HOW_TO_MAKE_ONE}")
        return value


class Token:
    """A secret that callers show. Comparisons take the same time whatever is shown; its repr does not tell it."""

    def __init__(self, secret: SecretStr) -> None:
        self._secret = secret.get_secret_value().encode()

    def equals(self, shown: str) -> bool:
        """Whether this was shown."""
        return self.same(shown, self._secret.decode())

    @staticmethod
    def same(shown: str, expected: str) -> bool:
        """Compare two secrets in a time that tells nothing of either."""
        return hmac.compare_digest(_digest(shown), _digest(expected))

    def admits(self, authorization: str | None) -> bool:
        """Whether an `Authorization` header (or metadata of that name) shows it."""
        shown = bearer(authorization)
        return shown is not None and self.equals(shown)

    def sign(self, text: str) -> str:
        """Return a signature of `text` that only who has the token can make, in hexadecimal."""
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    @classmethod
    def of(cls, secret: SecretStr | None) -> Token | None:
        """Return the token, or None where there is none to show."""
        return None if secret is None else cls(secret)


def bearer(authorization: str | None) -> str | None:
    """Return what an `Authorization` header of the scheme `Bearer` shows; None for no or another one."""
    scheme, _, shown = (authorization or "").strip().partition(" ")
    return shown.strip() if scheme.lower() == SCHEME.lower() and shown.strip() else None


def _digest(secret: str) -> bytes:
    # Of equal length for all, so that not even the length shows in the time.
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
