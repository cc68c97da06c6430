"""The signed manifest, the one that its tag was moved to, and where they are asked for."""

from typing import Final

from tests.unit.registry.material import digest, image

BODY: Final = image()
DIGEST: Final = digest(BODY)
MOVED: Final = image("moved")
TAG: Final = "/v2/shop/app/manifests/v1"
BY_DIGEST: Final = f"/v2/shop/app/manifests/{DIGEST}"
UNKNOWN: Final = f"/v2/shop/app/manifests/sha256:{'0' * 64}"
