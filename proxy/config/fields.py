"""The kinds of value that keys have: how each is read, and how the JSON Schema describes it."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from yarl import URL

from proxy.config import values
from proxy.config.document import quoted
from proxy.config.settings import Address, Network
from proxy.limits import CONTACT_LENGTH, WORKERS
from proxy.names import Digest
from proxy.policy.patterns import RepositoryPattern

SCALAR, LIST, MAPPING = BRANCHES = ("\0scalar", "\0list", "\0mapping")
"""What pydantic puts into the place of an error to name the branch of a union; no key of a file is like it."""

_STRING: Final = WithJsonSchema({"type": "string", "minLength": 1})
_DURATION: Final = WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,9}(ms|s|m|h|d)$"})
_POLL_INTERVAL: Final = WithJsonSchema({"type": "string", "pattern": "^(off|[0-9]{1,9}(ms|s|m|h))$"})
_INSTANT: Final = WithJsonSchema({"type": "string", "format": "date-time"})
_REGISTRY_URL: Final = WithJsonSchema({"type": "string", "pattern": "^https?://[^/]+/?$"})
_NOTARY_URL: Final = WithJsonSchema({"type": "string", "pattern": "^https?://[^/]+"})
_STORE_URL: Final = WithJsonSchema({"type": "string", "pattern": "^(sqlite:///|postgresql://[^:@/]+@[^@/]+/[^/]+$)"})
_KEY_ID: Final = WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{64}$"})
_DIGEST: Final = WithJsonSchema({"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"})
_CONTACT: Final = WithJsonSchema({"type": "string", "minLength": 1, "maxLength": CONTACT_LENGTH})
_COUNT: Final = WithJsonSchema({"type": "integer", "minimum": 1})
_WORKERS: Final = WithJsonSchema({"type": ["integer", "string"], "minimum": 1, "maximum": WORKERS, "pattern": "^auto$"})

Text: TypeAlias = Annotated[str, PlainValidator(values.text), _STRING]
Texts: TypeAlias = Annotated[list[Text], Field(min_length=1)]
Flag: TypeAlias = Annotated[bool, PlainValidator(values.flag), WithJsonSchema({"type": "boolean"})]
Count: TypeAlias = Annotated[int, PlainValidator(values.count), _COUNT]
Workers: TypeAlias = Annotated[int | Literal["auto"], PlainValidator(values.workers), _WORKERS]
Duration: TypeAlias = Annotated[timedelta, PlainValidator(values.duration), _DURATION]
WaitingTime: TypeAlias = Annotated[timedelta, PlainValidator(values.waiting_time), _DURATION]
PollInterval: TypeAlias = Annotated[timedelta | Literal["off"], PlainValidator(values.poll_interval), _POLL_INTERVAL]
Instant: TypeAlias = Annotated[datetime, PlainValidator(values.instant), _INSTANT]
RegistryName: TypeAlias = Annotated[str, PlainValidator(values.registry_name), _STRING]
ListenAddress: TypeAlias = Annotated[Address, PlainValidator(values.address), _STRING]
RegistryUrl: TypeAlias = Annotated[URL, PlainValidator(values.registry_url), _REGISTRY_URL]
NotaryUrl: TypeAlias = Annotated[URL, PlainValidator(values.notary_url), _NOTARY_URL]
CollectorUrl: TypeAlias = Annotated[URL, PlainValidator(values.collector_url), _NOTARY_URL]
StoreUrl: TypeAlias = Annotated[str, PlainValidator(values.store_url), _STORE_URL]
KeyId: TypeAlias = Annotated[str, PlainValidator(values.key_id), _KEY_ID]
DigestText: TypeAlias = Annotated[Digest, PlainValidator(values.digest), _DIGEST]
TrustedNetwork: TypeAlias = Annotated[Network, PlainValidator(values.network), _STRING]
Contact: TypeAlias = Annotated[str, PlainValidator(values.contact), _CONTACT]
Scope: TypeAlias = Annotated[RepositoryPattern, PlainValidator(values.repository_pattern), _STRING]
RedirectHost: TypeAlias = Annotated[str, PlainValidator(values.redirect_host), _STRING]


class Shape(BaseModel):
    """A mapping with fixed keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def otherwise(sentence: str) -> WrapValidator:
    """Say `sentence` for every value that does not fit, with what was written in the place of `{value}`."""

    def read(raw: object, check: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401  (the type is the field's)
        try:
            value = check(raw)
        except ValidationError:
            raise ValueError(_meant(raw, check) or sentence.format(value=_shown(raw))) from None
        if type(value) is not type(raw):  # 1 is equal to true, but not the same word
            raise ValueError(sentence.format(value=_shown(raw)))
        return value

    return WrapValidator(read)


def _meant(raw: object, check: ValidatorFunctionWrapHandler) -> str:
    """A question whether a word was meant in small letters; or empty."""
    if not isinstance(raw, str) or raw == raw.lower():
        return ""
    try:
        check(raw.lower())
    except ValidationError:
        return ""
    return f"words are in small letters here; did you mean {quoted(raw.lower())}?"


def _shown(raw: object) -> str:
    match raw:
        case bool():
            return str(raw).lower()
        case str():
            return quoted(raw)
        case dict() | list():
            return "this"
        case _:
            return str(raw)


def by_kind(sentence: str) -> Discriminator:
    """Tell the branches of a union apart by what YAML gave; `sentence` is for what fits none of them."""
    return Discriminator(_branch, custom_error_type="union", custom_error_message=sentence)


def _branch(raw: object) -> str:
    return MAPPING if isinstance(raw, dict) else LIST if isinstance(raw, list) else SCALAR
