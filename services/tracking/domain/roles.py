"""Which roles a party may give its people: a town's approver is of the town, whatever a centre would like. Pure."""

from collections.abc import Collection, Mapping

from shared.identity import Role
from shared.refused import Invalid

ROLES_OF: Mapping[str, tuple[Role, ...]] = {
    "town": ("town-admin", "clerk", "witness", "approver", "auditor"),
    "centre": ("centre-manager", "worker", "refurbisher"),
    "carrier": ("carrier",),
    "platform": ("platform-operator", "auditor"),
}


def check(kind: str, roles: Collection[str]) -> None:
    """Raise Invalid for a role that a party of this kind cannot give."""
    if not set(roles) <= set(ROLES_OF.get(kind, ())):
        raise Invalid(
            "role-of-another",
            "この役割は、別の種類の組織のものです。町の人には町の役割、センターの人にはセンターの役割を選んでください。",
            "A party of this kind cannot give this role. Choose a town's roles for its people, "
            "a centre's for the centre's.",
            field="roles",
        )
