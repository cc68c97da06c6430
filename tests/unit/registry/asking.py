"""One manifest, where it is asked for, and by whom."""

from typing import Final

from proxy.names import Reference, Tag
from proxy.registry.headers import ClientCredentials
from tests.unit.registry.material import APP, digest, image

BODY: Final = image()
DIGEST: Final = digest(BODY)
TAGGED: Final = Reference(APP, Tag("v1"))
PATH: Final = f"/v2/shop/app/manifests/{DIGEST}"
TAG_PATH: Final = "/v2/shop/app/manifests/v1"
NOBODY: Final = ClientCredentials()
ALICE: Final = ClientCredentials("Bearer alice")
