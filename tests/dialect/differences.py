"""The differences between the verifier and the real client, as the design names them, and where they show."""

from typing import Final

ALL: Final = frozenset({*(f"S{number}" for number in range(1, 18)), "L1", "L2", "L3", "L4"})

# By these the verifier accepts what the real client refuses; by the others it is stricter.
LOOSER: Final = frozenset({"S9", "L1", "L2", "L3", "L4"})

# Not to be seen by comparing what is listed; each is tested where it shows.
NOT_IN_A_LISTING: Final = {
    "S4": "which of the roles counts as released is a matter of policy",
    "S7": "a withheld delegation is absent from both listings; here it is known to be withheld",
    "L3": "it is S9 once more, and otherwise asked for by configuration",
    "S8": "which root is asked for, and when, shows in the requests",
}

# Words of the real client, and the errors that say the same here.
REASONS: Final = (
    ("did not meet threshold", {"ThresholdNotMet", "MetadataCorrupt"}),
    ("data has no signatures", {"ThresholdNotMet", "MetadataCorrupt"}),
    ("expired at", {"Expired", "MetadataCorrupt"}),
    ("is lower than current version", {"Rollback"}),
    ("unable to retrieve valid leaf certificates", {"RootNotTrusted"}),
    ("trust_pinning|invalid trust pinning", {"RootNotTrusted"}),
    ("integrity of roots", {"RootNotTrusted", "ThresholdNotMet", "MetadataCorrupt"}),
    ("could not rotate trust", {"RootRotationBroken", "RootNotTrusted", "MetadataCorrupt", "Rollback"}),
    ("does not have trust data", {"NoTrustData", "MetadataCorrupt", "RootRotationBroken"}),
    ("timestamp trust data unavailable", {"NoTrustData"}),
    ("", {"MetadataCorrupt", "Expired"}),
)
